// fetch: gets URLs, all at once.
//
//   fetch http://127.0.0.1:8000/                          prints the content
//   fetch -o page.html https://example.org/               writes it to a file
//   fetch -o downloads/ URL URL URL                       one file each, in a directory
//   fetch --json URL URL                                  one line of JSON each
//   fetch -d 'name=ada' -H 'X-Mood: fine' URL             posts
//
// Exit status 0 if every answer came whole, whatever its status; 1 if not; 2 for a wrong command line.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>

#include <CLI/CLI.hpp>

#include <bight/http/client.hpp>
#include <bight/react.hpp>
#include <bight/reactor.hpp>
#include <bight/tls.hpp>

#include "fetch.hpp"

using namespace bight;

namespace {

bool isDirectory(const std::string& path) {
  struct stat status{};
  return path.ends_with('/') || (stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode));
}

// "index.html" for "http://a.example/", "b.zip" for "http://a.example/a/b.zip?c".
std::string fileNameOf(const Url& url) {
  const std::string path(url.path());
  const std::string name = path.substr(path.rfind('/') + 1);
  return name.empty() || name == "." || name == ".." ? "index.html" : name;
}

[[noreturn]] void misused(const std::string& why) {
  std::cerr << "fetch: " << why << '\n';
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> urls, files, headers;
  std::string cacert, data;
  double timeout = 300;
  fetch::Options options;
  CLI::App app("Gets URLs, all at once, and prints their contents in that order.");
  app.add_option("URL", urls, "what to get: http://… and https://…")->required();
  app.add_option("-o,--output", files, "a file for each URL, in that order; or one directory for all")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_flag("--json", options.json, "print one line of JSON for each URL: status, headers, content, error");
  app.add_option("--cacert", cacert, "a PEM file of certificates to trust, in the place of the system's")
      ->check(CLI::ExistingFile);
  app.add_option("--timeout", timeout, "seconds for each of them, all in all")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  auto* const limitOption = app.add_option("--limit", options.limit,
                                           "the largest content, in bytes, or such as 10M; with --json 64M, else any")
                                ->transform(CLI::AsSizeValue(false));
  app.add_option("-H,--header", headers, "a field to send: 'Name: value'")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  auto* const dataOption = app.add_option("-d,--data", data, "a content to send, or @FILE; the method is POST then");
  app.add_option("-X,--request", options.method, "the method, if not GET or POST");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    return status == 0 ? 0 : 2;
  }

  std::vector<fetch::Task> tasks;
  const bool toDirectory = files.size() == 1 && isDirectory(files[0]);
  if (!files.empty() && !toDirectory && files.size() != urls.size())
    misused("there are " + std::to_string(urls.size()) + " URLs, and " + std::to_string(files.size()) +
            " files for them");
  tls::ClientOptions trusting;
  trusting.protocol.applicationProtocols = {"http/1.1"};
  std::optional<tls::ClientContext> context;
  try {
    for (std::size_t i = 0; i < urls.size(); ++i) {
      const Url url(urls[i]);
      if (url.scheme() != "http" && url.scheme() != "https") misused(urls[i] + " is neither http: nor https:");
      const std::string directory = toDirectory ? files[0] + (files[0].ends_with('/') ? "" : "/") : "";
      tasks.push_back({urls[i], toDirectory ? directory + fileNameOf(url) : files.empty() ? "" : files[i]});
    }
    for (const std::string& header : headers) {
      const std::size_t colon = header.find(':');
      if (colon == std::string::npos) misused("there is no ':' in the field \"" + header + '"');
      options.headers.add(header.substr(0, colon), header.substr(colon + 1));
    }
    options.hasData = dataOption->count() > 0;
    if (data.starts_with('@')) {
      std::ifstream file(data.substr(1), std::ios::binary);
      if (!file) misused("cannot read " + data.substr(1));
      options.data.assign(std::istreambuf_iterator<char>(file), {});
    } else {
      options.data = data;
    }
    if (options.hasData && !options.headers.contains("Content-Type"))
      options.headers.add("Content-Type", "application/x-www-form-urlencoded");
    if (!cacert.empty()) trusting.trust = tls::Trust::only({tls::Pem::file(cacert)});
    context.emplace(std::move(trusting));
  } catch (const std::exception& error) {
    misused(error.what());
  }
  if (options.json && limitOption->count() == 0) options.limit = 64 << 20;  // a report lies in memory
  options.timeout = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(timeout));

  bool whole = false;
  const int status = react([&](Reactor& reactor) -> Deferred<void> {
    http::AgentOptions agent;
    agent.tls = context;
    agent.queueTimeout = options.timeout;
    http::ClientOptions defaults;
    defaults.timeouts.connect = std::min<Duration>(defaults.timeouts.connect, options.timeout);
    http::Client client(std::make_shared<http::NetworkAgent>(reactor, std::move(agent)), std::move(defaults));
    const auto progress = std::make_shared<fetch::Progress>(reactor, stderr, isatty(STDERR_FILENO) != 0);
    const std::size_t count = tasks.size();
    return fetch::fetchAll(std::move(client), std::move(tasks), std::move(options), *progress)
        .addCallback([&whole, count, progress](std::size_t came) { whole = came == count; });
  });
  return status == 0 && !whole ? 1 : status;
}
