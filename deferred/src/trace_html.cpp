#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <bight/trace.hpp>

#include "trace_words.hpp"

namespace bight {

namespace {

/// Lines of source files, as far as they can be read. Each file is read once, and no more than a program's source has.
class Sources {
 public:
  std::string line(const char* file, unsigned number) {
    if (!file || !*file || number == 0) return {};
    const auto [found, isNew] = files_.try_emplace(file);
    if (isNew) found->second = read(file);
    return number <= found->second.size() ? found->second[number - 1] : std::string();
  }

 private:
  static std::vector<std::string> read(const char* name) {
    std::vector<std::string> lines;
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(name, "re"), &std::fclose);
    if (!file) return lines;
    std::string line;
    constexpr std::size_t most = 100'000;
    for (int c = std::getc(file.get()); c != EOF && lines.size() < most; c = std::getc(file.get())) {
      if (c == '\n') {
        lines.push_back(std::move(line));
        line.clear();
      } else if (line.size() < 400) {
        line += static_cast<char>(c);
      }
    }
    if (!line.empty()) lines.push_back(std::move(line));
    return lines;
  }

  std::map<std::string, std::vector<std::string>> files_;
};

constexpr const char* head =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\n"
    "<title>What the Deferreds did</title>\n<style>\n"
    "body{font:15px system-ui,sans-serif;margin:0;color:#1b1f24;background:#f6f8fa;display:grid;"
    "grid-template-columns:minmax(22rem,30rem) 1fr;height:100vh}\n"
    "nav{display:flex;flex-direction:column;border-right:1px solid #d0d7de;background:#fff;min-height:0}\n"
    "header{padding:.7rem 1rem;border-bottom:1px solid #d0d7de}h1{font-size:1.05rem;margin:0 0 .5rem}\n"
    "button{font:inherit;padding:.25rem .8rem}ol{margin:0;padding:.5rem 0;overflow:auto;flex:1;list-style:none}\n"
    "li{padding:.25rem 1rem;cursor:pointer;color:#6e7781}li.past{color:#1b1f24}\n"
    "li.now{background:#ddf4ff;color:#1b1f24;border-left:4px solid #0969da;padding-left:calc(1rem - 4px)}\n"
    "li.failed::before{content:'! ';font-weight:700;color:#cf222e}\n"
    "pre{margin:0;padding:.7rem 1rem;border-top:1px solid #d0d7de;overflow:auto;max-height:12rem;"
    "font:12.5px ui-monospace,monospace}mark{background:#fff8c5;display:block}\n"
    "main{overflow:auto;padding:1rem}[data-stage].now{stroke:#0969da;stroke-width:5;stroke-dasharray:none}\n"
    "[data-chain].now{stroke:#0969da;stroke-width:2.5}\n"
    "@media(max-width:60rem){body{display:block}nav{border:0}ol{max-height:14rem}}\n"
    "</style>\n<nav><header><h1>What the Deferreds did</h1>"
    "<button id=\"back\">&larr; back</button> <button id=\"on\">on &rarr;</button> <span "
    "id=\"where\"></span></header>\n";

constexpr const char* script =
    "let now=-1;const items=[...document.querySelectorAll('li')];\n"
    "function show(i){now=Math.max(-1,Math.min(items.length-1,i));\n"
    " items.forEach((li,k)=>{li.className=(steps[k].failed?'failed ':'')+(k<now?'past':k===now?'now past':'')});\n"
    " document.querySelectorAll('svg .now').forEach(e=>e.classList.remove('now'));\n"
    " const code=document.querySelector('pre');code.textContent='';\n"
    " document.getElementById('where').textContent=(now+1)+' of '+items.length;if(now<0)return;\n"
    " const s=steps[now];items[now].scrollIntoView({block:'nearest'});\n"
    " const mark=q=>document.querySelectorAll(q).forEach(e=>{e.classList.add('now');"
    "e.scrollIntoView({block:'nearest',inline:'nearest'})});\n"
    " mark('[data-chain=\"'+s.chain+'\"]');if(s.stage!==null)mark('[data-stage=\"'+s.chain+'-'+s.stage+'\"]');\n"
    " code.append(s.place+'\\n');s.source.forEach(([n,t,here])=>{const line=String(n).padStart(5)+'  '+t+'\\n';\n"
    "  if(here){const m=document.createElement('mark');m.textContent=line;code.append(m)}else code.append(line)})}\n"
    "items.forEach((li,k)=>li.onclick=()=>show(k));\n"
    "document.getElementById('on').onclick=()=>show(now+1);document.getElementById('back').onclick=()=>show(now-1);\n"
    "addEventListener('keydown',e=>{if(e.key==='ArrowRight'||e.key==='ArrowDown'){show(now+1);e.preventDefault()}"
    "if(e.key==='ArrowLeft'||e.key==='ArrowUp'){show(now-1);e.preventDefault()}});show(0);\n";

}  // namespace

std::string toHtml(const Recording& recording) {
  Sources sources;
  std::string page = head;
  std::string steps;
  page += "<ol>\n";
  for (const Recording::Event& event : recording.events) {
    page += "<li>" + detail::escaped(detail::sentence(recording, event)) + "</li>\n";
    const Recording::Chain& chain = recording.chains[event.chain];
    std::source_location at = event.stage < chain.stages.size() ? chain.stages[event.stage].at : event.at;
    if (!at.file_name() || !*at.file_name()) at = chain.created;
    steps += std::string(steps.empty() ? "" : ",\n") + "{\"chain\":" + std::to_string(event.chain) +
             ",\"stage\":" + (event.stage == Recording::none ? "null" : std::to_string(event.stage)) +
             ",\"failed\":" + (event.failed ? "true" : "false") +
             ",\"place\":" + detail::quotedJson(detail::shortPlace(at)) + ",\"source\":[";
    constexpr unsigned around = 3;
    bool first = true;
    for (unsigned n = at.line() > around ? at.line() - around : 1; n <= at.line() + around; ++n) {
      const std::string line = sources.line(at.file_name(), n);
      if (line.empty() && n != at.line()) continue;
      steps += std::string(first ? "" : ",") + "[" + std::to_string(n) + "," + detail::quotedJson(line) + "," +
               (n == at.line() ? "true" : "false") + "]";
      first = false;
    }
    steps += "]}";
  }
  page += "</ol><pre></pre></nav>\n<main>\n" + toSvg(recording) + "</main>\n<script>\nconst steps=[" + steps + "];\n" +
          script + "</script></html>\n";
  return page;
}

}  // namespace bight
