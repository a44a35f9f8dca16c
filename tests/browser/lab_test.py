"""The chain lab in a real browser: lab_test.py PROGRAM [NAME...]"""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select  # noqa: E402

from people import Browser, Chat  # noqa: E402
from chat_test import TapResult  # noqa: E402

PROGRAM = ''
BROWSER = None


class LabTest(unittest.TestCase):
    def setUp(self):
        BROWSER.driver.get_log('browser')  # what earlier tests have left in it
        self.lab = Chat(PROGRAM)
        self.addCleanup(self.lab.stop)
        self.addCleanup(BROWSER.close_windows)
        self.page = self.open('')

    def open(self, fragment):
        page = BROWSER.open(self.lab.url + fragment)
        page.wait(lambda: page.find('#code').text or page.find('#mistake').text, 'the program never came')
        Select(page.find('#pace')).select_by_value('0')
        return page

    def click(self, selector, page=None):
        it = (page or self.page).find(selector)
        it.parent.execute_script('arguments[0].scrollIntoView({block: "center"})', it)  # not under the row of buttons
        it.click()

    def choose(self, selector, value):
        Select(self.page.find(selector)).select_by_value(value)

    def write(self, selector, text):
        field = self.page.find(selector)
        field.send_keys(Keys.CONTROL, 'a')
        field.send_keys(text)

    def steps(self, page=None):
        return (page or self.page).texts('#steps li:not([hidden]) button')

    def ran(self, page=None):
        """Until the run is over: its steps."""
        page = page or self.page
        page.wait(lambda: page.run('return !document.body.classList.contains("running") && document.querySelector("#steps li") !== null '
                                   '&& document.querySelector("#steps li[hidden]") === null'), 'the run never ended')
        return self.steps(page)

    def test_a_chain_is_built_by_clicking_and_runs(self):
        page = self.page
        self.choose('#preset', 'nice')
        self.click('[data-add=callback]')   # its callback would add to what the first left: nothing
        page.wait(lambda: 'adds to a number' in page.find('#mistake').text)
        self.assertTrue(page.run('return document.querySelectorAll("#stages li")[1].classList.contains("wrong")'))
        self.assertFalse(page.find('#run').is_enabled())
        self.click('#stage0-remove')
        page.wait(lambda: page.find('#run').is_enabled() and not page.find('#mistake').text)
        self.click('[data-add=callback]')
        self.choose('#stage1-f-do', 'throw')
        self.write('#stage1-f-message', 'too <b>small</b>')
        self.click('[data-add=errback]')
        self.write('#stage2-g-value', '7')
        self.write('#stage2-g-say', 'mended')
        self.choose('#start-with', 'value')
        self.write('#start-value', '1')
        page.wait(lambda: 'return 7;' in page.find('#code').text and 'd.callback(1);' in page.find('#code').text)
        self.click('#run')
        steps = self.ran()
        self.assertEqual([step.partition(' of chain.cpp')[0] for step in steps],
                         ['The chain is built. Nothing has run yet.', 'Deferred', 'callback', 'callback', 'callback', 'callback', 'errback',
                          'errback', 'Deferred'])
        self.assertIn('fails with std::runtime_error: too <b>small</b>', steps[5])
        self.assertIn('ends with 7', steps[8])
        self.assertEqual(page.texts('#said'), ['mended'])
        self.assertIn('too <b>small</b>', page.find('#traceback').text)
        self.assertEqual(page.run('return document.querySelectorAll("#picture svg .box").length'), 3)
        self.assertEqual(page.run('return document.querySelectorAll("#steps b, #picture b").length'), 0)

    def test_every_example_tells_its_story(self):
        page = self.page
        stories = {'nice': 'returns nothing', 'boom': 'failed with std::runtime_error: BOOM!', 'four': 'returns "no more"', 'page': 'goes on with "<p>home</p>"',
                   'forgotten-return': 'runs with nothing', 'errback-first': 'is reported', 'two-sides': 'is reported',
                   'one-after-another': 'ends with 1', 'unhandled': 'is reported', 'twice': 'throws AlreadyCalledError', 'cancelled': 'ends with -1',
                   'blocking': 'nobody was served', 'cause': 'fails with std::runtime_error: and the copy is broken', 'itself': 'wait for itself',
                   'swallowed': 'is skipped by nothing', 'nobody': 'AbandonedError', 'cleanup': 'passes on', 'fired': '"from the cache"',
                   'fails-later': 'no route to host', 'yours': ''}
        offered = page.run('return [...document.querySelectorAll("#preset option")].map((o) => o.value).filter(Boolean)')
        self.assertEqual(sorted(offered), sorted(stories))
        for name, words in stories.items():
            if name == 'yours':
                continue
            self.choose('#preset', name)
            self.assertGreater(len(page.find('#story').text), 40)
            page.wait(lambda: page.find('#run').is_enabled())
            self.click('#run')
            steps = self.ran()
            self.assertTrue(any(words in step for step in steps), f'{name}: {steps}')
            self.assertEqual(page.run('return document.querySelectorAll("#picture svg").length'), 1, name)
        errors = [entry for entry in page.driver.get_log('browser') if entry['level'] == 'SEVERE']
        self.assertEqual(errors, [])

    def test_a_link_holds_the_whole_chain(self):
        page = self.page
        self.choose('#preset', 'cancelled')
        self.assertTrue(page.driver.current_url.endswith('#preset=cancelled'))
        self.write('#stage2-g-say', 'à bientôt "42" \\')
        self.choose('#stage1-f-do', 'return')
        self.write('#stage1-f-value', '"12"')
        link = page.driver.current_url
        self.assertRegex(link, '#chain=[A-Za-z0-9_-]+$')
        page.wait(lambda: 'std::string("12")' in page.find('#code').text or page.find('#mistake').text)
        other = self.open(link[len(self.lab.url):])
        self.assertEqual(other.run('return [...document.querySelectorAll("#stages select, #stages input, #start input, #start select")].map((e) => e.value)'),
                         page.run('return [...document.querySelectorAll("#stages select, #stages input, #start input, #start select")].map((e) => e.value)'))
        self.assertEqual(other.find('#mistake').text, page.find('#mistake').text)
        self.assertIn('one type', page.find('#mistake').text)
        self.choose('#stage1-f-do', 'add')
        self.write('#stage1-f-value', '1')
        other = self.open(page.driver.current_url[len(self.lab.url):])
        self.click('#run', other)
        self.assertIn('ends with -1', self.ran(other)[-1])
        self.assertEqual(other.texts('#said'), ['à bientôt "42" \\'])

    def test_a_link_that_is_none_is_survived(self):
        for fragment in ('#chain=%%%', '#chain=e30', '#chain=bnVsbA', '#preset=unknown', '#chain=eyJzdGFnZXMiOltudWxsXSwic3RhcnQiOnt9fQ'):
            page = self.open(fragment)
            self.assertEqual(page.run('return document.querySelectorAll("#stages li").length'), 4, fragment)

    def test_the_keyboard_is_enough(self):
        page = self.page
        self.choose('#preset', 'yours')
        page.wait(lambda: page.find('#run').is_enabled())
        page.find('body').send_keys(Keys.CONTROL, Keys.ENTER)
        page.wait(lambda: page.find('#fire').is_enabled())
        page.run('document.getElementById("fail").focus()')
        page.keys(Keys.ENTER)
        steps = self.ran()
        self.assertIn('failed with std::runtime_error: you said so', steps[1])
        page.run('document.activeElement.blur()')
        page.find('body').send_keys(Keys.ARROW_LEFT)
        page.wait(lambda: page.find('#where').text.startswith(f'{len(steps) - 1} of '))
        page.find('body').send_keys(Keys.ARROW_RIGHT)
        page.wait(lambda: page.find('#where').text.startswith(f'{len(steps)} of '))
        page.find('#steps li:nth-child(2) button').send_keys(Keys.ENTER)
        page.wait(lambda: page.find('#words').text == steps[1])
        names = page.run('return [...document.querySelectorAll("button, input, select")].filter((e) => '
                         '!(e.ariaLabel || e.textContent.trim() || e.labels?.length)).map((e) => e.outerHTML)')
        self.assertEqual(names, [])

    def test_by_hand_it_waits_and_can_be_cancelled(self):
        page = self.page
        self.choose('#preset', 'yours')
        page.wait(lambda: page.find('#run').is_enabled())
        self.click('#run')
        page.wait(lambda: page.find('#fire').is_enabled())
        self.click('#fire')
        page.wait(lambda: any('waits for' in step for step in self.steps()))
        self.click('#cancel')
        self.assertTrue(any('CancelledError' in step for step in self.ran()))

    def test_narrow_and_dark_it_fits(self):
        page = self.page
        for width, scheme in ((390, 'dark'), (390, 'light'), (1400, 'dark')):
            page.prefer(scheme)
            page.resize(width, 800)
            self.choose('#preset', 'fails-later')
            page.wait(lambda: page.find('#run').is_enabled())
            self.click('#run')
            self.ran()
            self.assertLessEqual(page.run('return document.documentElement.scrollWidth'), width)
            self.choose('#preset', 'nice')
        ink, paper = page.run('const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]')
        self.assertNotEqual(ink, paper)


def main():
    global PROGRAM, BROWSER
    PROGRAM = sys.argv[1]
    loader = unittest.TestLoader()
    names = [f'test_{name}' for name in sys.argv[2:]]
    suite = unittest.TestSuite(map(LabTest, names)) if names else loader.loadTestsFromTestCase(LabTest)
    BROWSER = Browser()
    result = TapResult()
    try:
        suite.run(result)
    finally:
        BROWSER.quit()
    sys.exit(result.tap.finish())


if __name__ == '__main__':
    main()
