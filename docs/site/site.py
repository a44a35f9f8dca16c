"""Makes the site: the pages of docs/ and the reference out of the headers, by Doxygen; `./dev docs` calls it: site.py OUTPUT

The pages are written for whoever reads them in the repository, so their links are to files. Here they become links of the site: to another
page (and its heading), to a copy of the picture, or to the source as a page. At the end every link within the site is followed."""

import html
import html.parser
import os
import re
import shutil
import subprocess
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
THEME = '/usr/share/doxygen-awesome-css'  # Debian's package of that name: dark mode, and pages that are good to read
LINK = re.compile(r'(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^)\s]+)\)')
BROKEN = re.compile(r'(\[[^\[\]\n]*)\n\s*([^\[\]\n]*\]\([\w./#-]+\))')  # over the end of a line
PLAIN = re.compile(r'(`+[^`]*`+|!?\[(?:[^\[\]]|\[[^\[\]]*\])*\]\([^)\s]+\))')


def pages():
    """The pages of the site, as paths within the repository, in the order in which they are listed."""
    found = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md']
    for directory, _, names in os.walk(os.path.join(SOURCE, 'docs')):
        found += [os.path.relpath(os.path.join(directory, name), SOURCE) for name in names if name.endswith('.md')]
    order = ['README.md', 'docs/README.md', 'docs/tutorial/', 'docs/howto/', 'docs/design/', 'CONTRIBUTING.md', 'CHANGELOG.md']
    rank = {path: next((place for place, start in enumerate(order) if path.startswith(start)), 3.5) for path in found}
    return sorted(found, key=lambda path: (rank[path], path))


def label(path, heading=''):
    """What Doxygen knows a page, or one of its headings, by."""
    words = re.sub(r'[^a-z0-9]+', '_', os.path.splitext(path)[0].lower())
    if words == 'docs_readme' and not heading:
        return 'index'
    return 'page_' + words + ('_' + anchor(heading).replace('-', '_') if heading else '')


def anchor(heading):
    """A heading's name in a link, as the places that show repositories make it."""
    text = re.sub(r'[`*]', '', heading.strip().lower())
    return re.sub(r' ', '-', re.sub(r'[^\w\- ]', '', text))


class Page:
    """One page of the repository, made into one of Doxygen's."""

    def __init__(self, path, known, site):
        self.path, self.known, self.site = path, known, site
        self.above = set()  # pages that this one has made its own

    def target(self, link):
        """Where a link leads: (kind, what), kinds being 'page', 'file', 'web' and 'lost'."""
        if re.match(r'[a-z]+:', link):
            return 'web', link
        path, _, heading = link.partition('#')
        path = os.path.normpath(os.path.join(os.path.dirname(self.path), path)) if path else self.path
        if path in self.known:
            return 'page', label(path, heading)
        if os.path.exists(os.path.join(SOURCE, path)):
            return 'file', path
        return 'lost', link

    def link(self, match):
        picture, text, link = match.groups()
        kind, what = self.target(link)
        text = self.prose(text) if not picture else text
        if kind == 'page':
            return f'@ref {what} "{text.replace("`", "")}"'
        if kind == 'web':
            return f'[{text}]({what})'
        if kind == 'lost':
            raise SystemExit(f'{self.path}: nothing is at {link}')
        if picture or what.endswith(('.png', '.svg')):
            return f'<img src="{self.site.copy(what)}" alt="{html.escape(text)}" class="picture"/>'
        return f'<a href="{self.site.show(what)}">{text}</a>'

    @staticmethod
    def prose(text):
        """What Doxygen would take for a command, a tag or a reference is none."""
        return re.sub(r'([\\@<>#%])', r'\\\1', text)

    @staticmethod
    def code(part):
        """To Doxygen a backslash at the end of a piece of code hides the end, a bar begins a table's next cell, a lone quote begins a text."""
        if not part.endswith('\\`') and '|' not in part and part != '`"`':
            return part
        return '<code>' + html.escape(part.strip('`')).replace('\\', '&#92;').replace('|', '&#124;') + '</code>'

    def line(self, text):
        heading = re.match(r'(#+) (.*)', text)
        if heading:
            marks, words = heading.groups()
            name = label(self.path) if marks == '#' else label(self.path, words)
            return f'{marks} {self.prose(words)}' + ('' if name == 'index' else f' {{#{name}}}')
        parts = PLAIN.split(text)
        quote = re.match(r'\s*>', parts[0])
        for index, part in enumerate(parts):
            if index % 2:
                parts[index] = self.code(part) if part.startswith('`') else LINK.sub(self.link, part)
            elif index == 0 and quote:
                parts[index] = quote.group() + self.prose(part[quote.end():])
            else:
                parts[index] = self.prose(part)
        return ''.join(parts)

    def read(self):
        with open(os.path.join(SOURCE, self.path), encoding='utf-8') as file:
            text = re.sub(r'<!--.*?-->\n?', '', file.read(), flags=re.S)
        text = BROKEN.sub(r'\1 \2', text)
        out, fence = [], ''
        for line in text.split('\n'):
            opening = re.match(r'\s*(`{3,})(\w*)', line)
            if opening and not fence:
                fence = opening.group(1)
                language = {'cpp': '{.cpp}', 'python': '{.py}', 'sh': '{.sh}'}.get(opening.group(2), '{.unparsed}')
                out.append(line[:line.index('`')] + fence + language)
            elif opening and opening.group(1) == fence:
                fence = ''
                out.append(line)
            else:
                out.append(line if fence else self.line(line))
        return '\n'.join(out)


class Site:
    """The directory of the finished pages, with what they need besides."""

    def __init__(self, output):
        self.output, self.html = output, os.path.join(output, 'html')
        self.extra = {}  # name in the site: how to make it

    @staticmethod
    def flat(path):
        return re.sub(r'[^A-Za-z0-9.]+', '-', path)

    def copy(self, path):
        name = 'pictures/' + self.flat(path)
        self.extra[name] = path
        return name

    def show(self, path):
        name = 'sources/' + self.flat(path) + '.html'
        self.extra[name] = path
        return name

    def add(self):
        for name, path in self.extra.items():
            target, source = os.path.join(self.html, name), os.path.join(SOURCE, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if name.startswith('pictures/'):
                shutil.copyfile(source, target)
            else:
                with open(target, 'w', encoding='utf-8') as file:
                    file.write(self.source_page(path, source))

    @staticmethod
    def source_page(path, source):
        if os.path.isdir(source):
            body = '\n'.join(sorted(os.listdir(source)))
        else:
            with open(source, encoding='utf-8') as file:
                body = file.read()
        return (f'<!DOCTYPE html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{html.escape(path)}</title>'
                '<style>:root{color-scheme:light dark}body{margin:1rem auto;max-width:64rem;padding:0 1rem;font-family:system-ui,sans-serif}'
                'pre{overflow:auto;font-size:.9rem;line-height:1.45}</style>'
                f'<p><a href="../index.html">bight</a> / {html.escape(path)}</p><pre>{html.escape(body)}</pre>\n')


class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.links, self.names = [], set()

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ('id', 'name') and value:
                self.names.add(value)
            elif name in ('href', 'src') and value:
                self.links.append(value)


def broken(root):
    """Links within the site that lead nowhere."""
    pages_ = {}
    for directory, _, names in os.walk(root):
        for name in names:
            if name.endswith('.html'):
                parsed = Links()
                with open(os.path.join(directory, name), encoding='utf-8') as file:
                    parsed.feed(file.read())
                pages_[os.path.join(directory, name)] = parsed
    for path, parsed in sorted(pages_.items()):
        for link in parsed.links:
            if re.match(r'[a-z]+:', link):
                continue
            target, _, name = link.partition('#')
            target = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
            ours = os.path.basename(target).startswith(('page_', 'index'))  # Doxygen's own pages name parts that they leave out
            if not os.path.exists(target) or (name and ours and target in pages_ and name not in pages_[target].names):
                yield f'{os.path.relpath(path, root)}: {link}'


SCRIPTS = """<script src="$relpath^doxygen-awesome-darkmode-toggle.js"></script>
<script src="$relpath^doxygen-awesome-fragment-copy-button.js"></script>
<script>DoxygenAwesomeDarkModeToggle.init(); DoxygenAwesomeFragmentCopyButton.init();</script>
</head>"""


def header(output):
    """Doxygen's own, of whichever version is here, with the theme's scripts, if there is the theme."""
    path = os.path.join(output, 'header.html')
    subprocess.run(['doxygen', '-w', 'html', path, os.path.join(output, 'footer.html'), os.path.join(output, 'default.css')],
                   check=True, stdout=subprocess.DEVNULL)
    with open(path, encoding='utf-8') as file:
        text = file.read()
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text.replace('</head>', SCRIPTS, 1) if os.path.isdir(THEME) else text)
    return path


def main():
    output = os.path.abspath(sys.argv[1])
    shutil.rmtree(output, ignore_errors=True)
    os.makedirs(os.path.join(output, 'pages'))
    site, known = Site(output), pages()
    for path in known:
        with open(os.path.join(output, 'pages', Site.flat(path)), 'w', encoding='utf-8') as file:
            file.write(Page(path, known, site).read())
    settings = open(os.path.join(SOURCE, 'docs', 'site', 'Doxyfile'), encoding='utf-8').read()
    style = os.path.join(SOURCE, 'docs', 'site', 'style.css')
    settings += f'''
INPUT = {' '.join(os.path.join(output, 'pages', Site.flat(path)) for path in known)} deferred/include reactor/include protocols/include
OUTPUT_DIRECTORY = {output}
USE_MDFILE_AS_MAINPAGE = {output}/pages/docs-README.md
HTML_HEADER = {header(output)}
HTML_EXTRA_STYLESHEET = {style}
'''
    if os.path.isdir(THEME):
        settings += f'''
HTML_EXTRA_STYLESHEET = {THEME}/doxygen-awesome.css {style}
HTML_EXTRA_FILES = {THEME}/doxygen-awesome-darkmode-toggle.js {THEME}/doxygen-awesome-fragment-copy-button.js
'''
    ran = subprocess.run(['doxygen', '-'], cwd=SOURCE, input=settings, text=True, check=False)
    if ran.returncode != 0:
        raise SystemExit('doxygen has something to say about the headers or the pages (see above)')
    site.add()
    lost = list(broken(site.html))
    if lost:
        raise SystemExit('links that lead nowhere:\n  ' + '\n  '.join(lost))
    print(f'the site: {os.path.join(site.html, "index.html")}')


if __name__ == '__main__':
    main()
