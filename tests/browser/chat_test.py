"""The comet chat in real browsers: chat_test.py PROGRAM [NAME...]"""

import json
import os
import sys
import unittest
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from selenium.webdriver.common.keys import Keys  # noqa: E402

from people import Browser, Chat  # noqa: E402
from tap import Tap  # noqa: E402

PROGRAM = ''
BROWSER = None


class ChatTest(unittest.TestCase):
    def start(self, *arguments):
        BROWSER.driver.get_log('browser')  # what earlier tests have left in it
        chat = Chat(PROGRAM, *arguments)
        self.addCleanup(chat.stop)
        self.addCleanup(BROWSER.close_windows)
        return chat

    def two(self, *arguments):
        chat = self.start(*arguments)
        return chat, BROWSER.open(chat.url).join('Ada'), BROWSER.open(chat.url).join('Grace')

    @staticmethod
    def put(chat, user, text):
        """Says something without a browser."""
        body = json.dumps({'user': user, 'text': text}).encode()
        request = urllib.request.Request(chat.url + 'put', body, {'Content-Type': 'application/json'})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)['id']

    # --- talking

    def test_two_pages_talk_to_each_other(self):
        _, ada, grace = self.two()
        ada.say('Hello, is anybody here?')
        grace.wait_said('Hello, is anybody here?')
        grace.say('I am!')
        ada.wait_said('Hello, is anybody here?', 'I am!')
        self.assertEqual(ada.read(), [('You', 'Hello, is anybody here?'), ('Grace', 'I am!')])
        self.assertEqual(grace.read(), [('Ada', 'Hello, is anybody here?'), ('You', 'I am!')])
        grace.wait(lambda: not grace.unsent())
        self.assertFalse(grace.find('#empty').is_displayed())
        self.assertRegex(grace.texts('#log time')[0], r'^\d\d:\d\d')
        errors = [entry for entry in grace.driver.get_log('browser') if entry['level'] == 'SEVERE']
        self.assertEqual(errors, [])

    def test_who_comes_later_reads_what_was_said_before(self):
        chat = self.start()
        for number in range(3):
            self.put(chat, 'Ada', f'message {number}')
        late = BROWSER.open(chat.url).join('Late')
        late.wait_said('message 0', 'message 1', 'message 2')
        self.assertEqual(late.marks(), [])

    def test_what_people_write_is_shown_and_never_run(self):
        chat, ada, grace = self.two()
        evil = ['<script>window.hacked = 1</script>', '<img src=x onerror="window.hacked = 1">', '"><svg onload=alert(1)>',
                'javascript:window.hacked=1', '&lt;b&gt; & </li></ol>', "https://example.org/'onmouseover='window.hacked=1"]
        for text in evil:
            ada.say(text)
        self.put(chat, '<b onclick=alert(1)>Mallory</b>', '</textarea><h1>big</h1>')
        grace.wait_said('</textarea><h1>big</h1>')
        self.assertEqual(grace.said(), [*evil, '</textarea><h1>big</h1>'])
        self.assertEqual(grace.read()[-1][0], '<b onclick=alert(1)>Mallory</b>')
        for page in (ada, grace):
            self.assertIsNone(page.run('return window.hacked'))
            self.assertEqual(page.run('return document.querySelectorAll("#log script, #log img, #log svg, #log h1").length'), 0)
            self.assertEqual(page.run('return [...document.querySelectorAll("#log a")].map((a) => a.protocol)'), ['https:'])
            self.assertEqual(page.run('return document.querySelector("#log a").getAttributeNames().sort()'), ['href', 'rel', 'target'])

    def test_the_browser_itself_refuses_scripts_that_are_not_the_page_s(self):
        ada = BROWSER.open(self.start().url).join('Ada')
        ada.run('const s = document.createElement("script"); s.textContent = "window.hacked = 1"; document.body.append(s);')
        self.assertIsNone(ada.run('return window.hacked'))

    def test_long_texts_wrap_and_line_breaks_stay(self):
        chat = self.start()
        ada = BROWSER.open(chat.url)
        ada.resize(360, 640, phone=True)
        ada.join('A' * 40)
        self.put(chat, 'W' * 40, 'w' * 2000)
        self.put(chat, 'Grace', 'one\ntwo\n\n    four')
        ada.wait_said('w' * 2000, 'one\ntwo\n\n    four')
        self.assertLessEqual(ada.run('return document.documentElement.scrollWidth'), 360)
        self.assertLessEqual(ada.run('const s = document.getElementById("said"); return s.scrollWidth - s.clientWidth'), 0)
        lines = ada.run('return [...document.querySelectorAll("#log .text")].pop().getBoundingClientRect().height')
        self.assertGreater(lines, 80)

    def test_one_sees_who_is_here_and_who_has_left(self):
        _, ada, grace = self.two()
        ada.wait(lambda: ada.here() == ['Ada', 'Grace'])
        grace.wait(lambda: grace.here() == ['Ada', 'Grace'])
        grace.close()
        ada.wait(lambda: ada.here() == ['Ada'])
        self.assertEqual(ada.texts('#people-count'), ['1'])

    def test_a_name_can_be_changed(self):
        _, ada, grace = self.two()
        ada.find('#name-button').click()
        ada.join('Ada Lovelace')
        ada.say('It is still me.')
        grace.wait_said('It is still me.')
        self.assertEqual(grace.read()[-1][0], 'Ada Lovelace')
        grace.wait(lambda: grace.here() == ['Ada Lovelace', 'Grace'])

    # --- losing and finding the server

    def test_a_page_that_lost_its_server_says_so_and_catches_up_when_it_is_back(self):
        chat, ada, grace = self.two()
        ada.say('before')
        grace.wait_said('before')
        chat.kill()
        for page in (ada, grace):
            page.wait_offline()
            self.assertEqual(page.find('#offline-text').text, "The server can't be reached.")
            self.assertTrue(page.find('#offline').is_displayed())
        ada.say('written while it was down')
        self.assertEqual(ada.unsent(), ['written while it was down'])
        chat.start()
        for page in (ada, grace):
            page.wait_online()
            page.wait_said('before', 'written while it was down')
            self.assertEqual(page.marks(), ['The chat was started anew. What was said in between may be lost.'])
            self.assertFalse(page.find('#offline').is_displayed())
        self.assertEqual(ada.unsent(), [])
        grace.say('and on it goes')
        ada.wait_said('written while it was down', 'and on it goes')
        ada.wait(lambda: ada.here() == ['Ada', 'Grace'])

    def test_a_server_that_ends_in_good_order_is_found_again_too(self):
        chat, ada, grace = self.two()
        self.assertEqual(chat.stop(), 0)
        ada.wait_offline()
        chat.start()
        grace.wait_online()
        grace.say('hello again')
        ada.wait_said('hello again')

    def test_a_page_that_was_off_the_network_catches_up_from_its_last_id(self):
        chat, ada, grace = self.two()
        ada.say('one')
        grace.wait_said('one')
        grace.unplug()
        grace.wait_offline()
        self.assertEqual(grace.find('#offline-text').text, 'You are offline.')
        for text in ('two', 'three'):
            self.put(chat, 'Ada', text)
        self.assertEqual(grace.said(), ['one'])
        grace.unplug(False)
        grace.wait_online()
        grace.wait_said('one', 'two', 'three')
        self.assertEqual(grace.marks(), [])

    def test_a_page_that_was_away_for_too_long_is_told_that_it_missed_something(self):
        chat, _, grace = self.two('--history', '5')
        self.put(chat, 'Ada', 'one')
        grace.wait_said('one')
        grace.unplug()
        grace.wait_offline()
        for number in range(10):
            self.put(chat, 'Ada', f'message {number}')
        grace.unplug(False)
        grace.wait_online()
        grace.wait_said('one', *(f'message {number}' for number in range(5, 10)))
        self.assertEqual(grace.marks(), ['Some messages were lost while you were away.'])

    def test_try_now_ends_the_pause(self):
        chat, ada, _ = self.two()
        ada.run('Math.random = () => 1e6')  # pauses of days
        chat.kill()
        ada.wait_offline()
        chat.start()
        ada.find('#retry').click()
        ada.wait_online()

    def test_a_message_whose_answer_was_lost_is_sent_again_and_said_once(self):
        _, ada, grace = self.two()
        ada.run('''
            const real = window.fetch;
            window.tries = 0;
            window.fetch = async (url, options) => {
              const answer = await real(url, options);
              if (url === "/put" && ++window.tries === 1) throw new TypeError("the answer was lost");
              return answer;
            };''')
        ada.say('once')
        grace.wait_said('once')
        ada.wait(lambda: not ada.unsent())
        ada.say('twice')
        grace.wait_said('once', 'twice')
        ada.wait_said('once', 'twice')
        self.assertEqual(ada.said(), ['once', 'twice'])
        self.assertEqual(grace.said(), ['once', 'twice'])

    def test_what_was_not_sent_outlives_a_reload(self):
        _, ada, grace = self.two()
        ada.cdp('Network.enable')
        ada.cdp('Network.setBlockedURLs', urls=['*/put'])
        ada.say('first')
        ada.say('second')
        ada.driver.refresh()
        ada.wait_online()
        self.assertEqual(ada.unsent(), ['first', 'second'])
        ada.cdp('Network.setBlockedURLs', urls=[])
        ada.say('third')
        grace.wait_said('first', 'second', 'third')
        ada.wait(lambda: not ada.unsent())
        self.assertEqual(grace.said(), ['first', 'second', 'third'])
        self.assertEqual([who for who, _ in ada.read()], ['You', 'You', 'You'])

    def test_what_the_server_refuses_comes_back_to_be_mended(self):
        ada = BROWSER.open(self.start().url).join('Ada')
        ada.run('''const text = document.getElementById("text");
                   text.value = "a bell: \\u0007"; text.dispatchEvent(new Event("input"));
                   document.getElementById("send").click();''')
        ada.wait(lambda: ada.find('#refused').text)
        self.assertEqual(ada.find('#refused').text, 'The text contains a control character.')
        self.assertEqual(ada.find('#text').get_attribute('value'), 'a bell: \u0007')
        self.assertEqual(ada.unsent(), [])

    def test_the_page_takes_the_best_way_there_is(self):
        chat = self.start()
        pages = []
        for name, without, way in (('Ada', (), 'socket'), ('Grace', ('WebSocket',), 'events'), ('Edith', ('WebSocket', 'EventSource'), 'wait')):
            page = BROWSER.open(chat.url, without).join(name)
            self.assertEqual(page.find('#state').get_attribute('data-way'), way)
            pages.append(page)
        pages[0].say('Can you all read this?')
        for page in pages:
            page.wait_said('Can you all read this?')
            page.wait(lambda: page.here() == ['Ada', 'Edith', 'Grace'])
        chat.kill()
        for page in pages:
            page.wait_offline()
        chat.start()
        for page in pages:
            page.wait_online()
        pages[2].say('And now?')
        for page in pages:
            page.wait_said('Can you all read this?', 'And now?')

    def test_server_sent_events_go_on_from_the_last_id_after_the_line_broke(self):
        chat = self.start()
        page = BROWSER.open(chat.url).join('Ada')
        self.put(chat, 'Ada', 'one')
        page.run('''window.got = []; window.seen = [];
                    const events = new EventSource("/events");
                    events.onmessage = (event) => window.got.push([event.lastEventId, JSON.parse(event.data).text]);
                    events.addEventListener("who", (event) => window.seen.push(JSON.parse(event.data).count));
                    events.addEventListener("missed", () => window.got.push(["", "missed"]));''')
        got = lambda: [text for _, text in page.run('return window.got')]  # noqa: E731
        page.wait(lambda: got() == ['one'])
        self.put(chat, 'Ada', 'two')
        page.wait(lambda: got() == ['one', 'two'])
        page.wait(lambda: page.run('return window.seen.at(-1)') == 1)
        page.unplug()
        page.wait_offline()
        self.put(chat, 'Ada', 'three')
        page.unplug(False)
        page.wait(lambda: got() == ['one', 'two', 'three'])
        chat.kill()
        chat.start()
        self.put(chat, 'Ada', 'four')
        page.wait(lambda: got() == ['one', 'two', 'three', 'missed', 'four'])
        self.assertRegex(page.run('return window.got.at(-1)[0]'), '^[0-9a-f]{8}-1$')

    # --- by keyboard, on a phone, in the dark, by ear

    def test_everything_can_be_done_by_keyboard(self):
        chat = self.start()
        ada = BROWSER.open(chat.url)
        ada.wait(lambda: ada.focused() == 'name')
        ada.keys(Keys.ESCAPE)
        ada.wait(lambda: ada.find('#name-dialog').is_displayed() and ada.focused() == 'name')
        ada.keys('Ada', Keys.ENTER)
        ada.wait(lambda: ada.focused() == 'text')
        ada.keys('two', Keys.SHIFT + Keys.ENTER + Keys.NULL, 'lines')
        ada.keys(Keys.ENTER)
        ada.wait_said('two\nlines')
        self.assertEqual(ada.focused(), 'text')
        ada.keys(Keys.ENTER)  # nothing to send
        ada.keys('with the button', Keys.TAB)
        self.assertEqual(ada.focused(), 'send')
        ada.keys(Keys.SPACE)
        ada.wait_said('two\nlines', 'with the button')
        self.assertEqual(ada.focused(), 'text')
        self.assertEqual(len(ada.said()), 2)
        ada.keys(Keys.SHIFT + Keys.TAB + Keys.NULL)
        self.assertEqual(ada.focused(), 'name-button')
        ada.keys(Keys.ENTER)
        ada.wait(lambda: ada.focused() == 'name')
        ada.keys(Keys.ESCAPE)
        ada.wait(lambda: ada.focused() == 'text')

    def test_it_fits_a_phone(self):
        chat = self.start()
        ada = BROWSER.open(chat.url)
        ada.resize(360, 640, phone=True)
        ada.join('Ada')
        ada.find('#text').send_keys('from my phone')
        ada.find('#send').click()
        ada.wait_said('from my phone')
        self.assertLessEqual(ada.run('return document.documentElement.scrollWidth'), 360)
        box = ada.run('const b = document.getElementById("send").getBoundingClientRect(); return [b.right, b.bottom, b.width, b.height]')
        self.assertLessEqual(box[0], 360)
        self.assertLessEqual(box[1], 640)
        self.assertGreaterEqual(min(box[2:]), 44)  # room for a thumb
        size = ada.run('return parseFloat(getComputedStyle(document.getElementById("text")).fontSize)')
        self.assertGreaterEqual(size, 16)  # below that, phones zoom in
        self.assertFalse(ada.find('#people').is_displayed())
        ada.find('#people-button').click()
        self.assertTrue(ada.find('#people').is_displayed())
        self.assertEqual(ada.find('#people-button').get_attribute('aria-expanded'), 'true')
        ada.keys(Keys.ESCAPE)
        self.assertFalse(ada.find('#people').is_displayed())

    def test_it_is_light_by_day_and_dark_by_night_and_readable_in_both(self):
        ada = BROWSER.open(self.start().url).join('Ada')
        ada.say('Hello')
        ada.wait_said('Hello')
        contrasts = '''
            const light = (color) => {
              const [r, g, b] = color.match(/[\\d.]+/g).map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
              return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const ground = (element) => {
              const color = getComputedStyle(element).backgroundColor;
              return color.startsWith("rgba") && color.endsWith(" 0)") ? ground(element.parentElement) : color;
            };
            return ["#log .text", "#log time", "#log .from b", "#state", "#hint", "#name-shown", "#people h2"].map((selector) => {
              const element = document.querySelector(selector);
              const [a, b] = [light(getComputedStyle(element).color), light(ground(element))].sort((x, y) => y - x);
              return [selector, (a + 0.05) / (b + 0.05)];
            });'''
        papers = []
        for scheme in ('light', 'dark'):
            ada.prefer(scheme)
            papers.append(ada.run('return getComputedStyle(document.body).backgroundColor'))
            for selector, contrast in ada.run(contrasts):
                self.assertGreaterEqual(contrast, 4.5, f'{selector} in {scheme}')
        self.assertNotEqual(*papers)

    def test_a_screen_reader_finds_its_way(self):
        ada = BROWSER.open(self.start().url).join('Ada')
        nodes = ada.cdp('Accessibility.getFullAXTree')['nodes']
        seen = {}
        for node in nodes:
            if node.get('ignored'):
                continue
            role = node['role']['value']
            name = node.get('name', {}).get('value', '')
            seen.setdefault(role, []).append(name)
            if role in ('button', 'textbox', 'link', 'dialog'):
                self.assertTrue(name, f'a {role} without a name')
        self.assertIn('Your message', seen['textbox'])
        self.assertIn('Messages', seen['log'])
        self.assertIn('Who is here', seen['complementary'])
        self.assertEqual(ada.find('#log').get_attribute('aria-live'), 'polite')
        self.assertEqual(ada.find('#state').get_attribute('role'), 'status')
        self.assertEqual(ada.run('return document.documentElement.lang'), 'en')

    def test_too_long_a_text_is_not_sent_and_one_sees_why(self):
        ada = BROWSER.open(self.start().url).join('Ada')
        fill = '''const text = document.getElementById("text"); text.value = arguments[0]; text.dispatchEvent(new Event("input"));'''
        ada.run(fill, '😀' * 1990)
        self.assertEqual(ada.find('#remaining').text, '10 characters left')
        ada.run(fill, '😀' * 2003)
        self.assertEqual(ada.find('#remaining').text, '3 characters too many')
        self.assertFalse(ada.find('#send').is_enabled())
        ada.keys(Keys.ENTER)
        self.assertEqual(len(ada.find('#text').get_attribute('value').encode('utf-16-le')), 2003 * 4)
        ada.run(fill, '😀' * 2000)
        ada.find('#send').click()
        ada.wait_said('😀' * 2000)

    def test_who_reads_further_up_stays_there_and_is_told_of_new_messages(self):
        chat, ada, _ = self.two()
        for number in range(40):
            self.put(chat, 'Grace', f'message {number}')
        ada.wait_said('message 39')
        ada.run('document.getElementById("said").scrollTop = 0')
        ada.wait(lambda: ada.run('return document.getElementById("said").scrollTop') == 0)
        self.put(chat, 'Grace', 'news')
        ada.wait(lambda: ada.find('#latest').is_displayed())
        self.assertEqual(ada.find('#latest').text, '1 new message ↓')
        self.assertEqual(ada.run('return document.getElementById("said").scrollTop'), 0)
        self.assertTrue(ada.driver.title.startswith('(1) '))
        ada.find('#latest').click()
        ada.wait(lambda: not ada.find('#latest').is_displayed())
        self.assertFalse(ada.driver.title.startswith('('))


class TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.tap = Tap()

    def sentence(self, test):
        return test.id().rpartition('.')[2].removeprefix('test_').replace('_', ' ')

    def addSuccess(self, test):
        self.tap.check(self.sentence(test), True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.tap.check(self.sentence(test), False, self._exc_info_to_string(err, test))

    addError = addFailure


def main():
    global PROGRAM, BROWSER
    PROGRAM = sys.argv[1]
    loader = unittest.TestLoader()
    names = [f'test_{name}' for name in sys.argv[2:]]
    suite = unittest.TestSuite(map(ChatTest, names)) if names else loader.loadTestsFromTestCase(ChatTest)
    BROWSER = Browser()
    result = TapResult()
    try:
        suite.run(result)
    finally:
        BROWSER.quit()
    sys.exit(result.tap.finish())


if __name__ == '__main__':
    main()
