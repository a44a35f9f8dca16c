"""The cast of the browser tests: a chat server that can be killed and started again, and people who look at its page."""

import contextlib
import shutil
import signal
import subprocess
import tempfile

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE = 30  # seconds until a condition that does not come true fails its test


class Chat:
    """The chat program. It says where it listens, and it listens there again after a restart."""

    def __init__(self, program, *arguments):
        self.program, self.arguments = program, arguments
        self.process = None
        self.port = 0
        self.start()

    def start(self):
        self.process = subprocess.Popen([self.program, '--port', str(self.port), *self.arguments], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            raise RuntimeError(f'the chat ended with status {self.process.wait()}')
        self.port = int(self.url.rstrip('/').rpartition(':')[2])

    def kill(self):
        """As a crash would: nothing is said to anybody."""
        self._end(signal.SIGKILL)

    def stop(self):
        """In good order. Returns the exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, how):
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(PATIENCE)
        self.process.stdout.close()
        return status


class Browser:
    """One Chromium for all tests; each person has a window of it."""

    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix='bight-browser-')
        options = webdriver.ChromeOptions()
        for name in ('chromium', 'chromium-browser', 'google-chrome'):
            if path := shutil.which(name):
                options.binary_location = path
                break
        for switch in ('headless=new', 'no-sandbox', 'disable-gpu', 'disable-quic', 'no-first-run', 'disable-background-networking',
                       'disable-component-update', 'disable-sync', 'disable-dev-shm-usage', 'window-size=1000,700',
                       # Every window is to behave as if somebody looked at it.
                       'disable-background-timer-throttling', 'disable-renderer-backgrounding', 'disable-backgrounding-occluded-windows',
                       f'user-data-dir={self.profile}'):
            options.add_argument(f'--{switch}')
        options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
        self.driver = webdriver.Chrome(service=Service(shutil.which('chromedriver')), options=options)
        self.first = self.driver.current_window_handle

    def open(self, url, without=()):
        """A new window with a memory of its own, as another person's browser would have; `without` these things that pages can use."""
        self.driver.switch_to.window(self.first)
        self.driver.switch_to.new_window('window')
        if without:
            source = ''.join(f'delete window.{name};' for name in without)
            self.driver.execute_cdp_cmd('Page.addScriptToEvaluateOnNewDocument', {'source': source})
        return Person(self.driver, self.driver.current_window_handle, url)

    def close_windows(self):
        for window in self.driver.window_handles:
            if window != self.first:
                self.driver.switch_to.window(window)
                self.driver.close()
        self.driver.switch_to.window(self.first)

    def quit(self):
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)


class Person:
    """Somebody at a window of the browser. Whatever is asked of a person happens in that window."""

    def __init__(self, driver, window, url):
        self._driver, self.window, self.url = driver, window, url
        self.driver.get(url)

    @property
    def driver(self):
        if self._driver.current_window_handle != self.window:
            self._driver.switch_to.window(self.window)
        return self._driver

    # What one does

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def keys(self, *keys):
        """Presses keys wherever the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def join(self, name):
        self.wait(lambda: self.find('#name').is_displayed())
        self.find('#name').clear()
        self.find('#name').send_keys(name, Keys.ENTER)
        self.wait_online()
        return self

    def say(self, text):
        self.find('#text').send_keys(text, Keys.ENTER)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def cdp(self, command, **arguments):
        return self.driver.execute_cdp_cmd(command, arguments)

    def unplug(self, unplugged=True):
        """Takes this window off the network, and puts it back."""
        self.cdp('Network.enable')
        self.cdp('Network.emulateNetworkConditions', offline=unplugged, latency=0, downloadThroughput=-1, uploadThroughput=-1)

    def prefer(self, scheme):
        self.cdp('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': scheme}])

    def resize(self, width, height, phone=False):
        self.cdp('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=2 if phone else 1, mobile=phone)

    def close(self):
        self.driver.close()
        self._driver.switch_to.window(self._driver.window_handles[0])

    # What one sees

    def texts(self, selector):
        return self.run('return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)', selector)

    def read(self):
        """All messages, as (who, what)."""
        return [tuple(pair) for pair in self.run('''
            let who = "";
            return [...document.querySelectorAll("#log .message")].map((item) => {
              who = item.querySelector(".from b").textContent;
              return [who, item.querySelector(".text").textContent];
            });''')]

    def said(self):
        return self.texts('#log .message .text')

    def unsent(self):
        return self.texts('#unsent .message .text')

    def marks(self):
        return self.texts('#log .mark.gap')

    def here(self):
        return self.texts('#people-list li > span')

    def focused(self):
        return self.run('return document.activeElement.id')

    # What one waits for

    def wait(self, condition, what=''):
        def tried(_):
            with contextlib.suppress(StaleElementReferenceException):
                return condition()
            return False
        return WebDriverWait(self.driver, PATIENCE, poll_frequency=0.05).until(tried, what)

    def wait_state(self, state):
        self.wait(lambda: self.find('#state').get_attribute('data-state') == state, f'the page never was {state}')

    def wait_online(self):
        self.wait_state('online')

    def wait_offline(self):
        self.wait_state('offline')

    def wait_said(self, *texts):
        """Until the last messages are these."""
        self.wait(lambda: self.said()[-len(texts):] == list(texts), f'wanted {texts}')
