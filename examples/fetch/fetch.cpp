#include "fetch.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>

#include <nlohmann/json.hpp>

using namespace bight;

namespace fetch {

namespace {

constexpr std::size_t mostKept = 1 << 20;  // of one content that waits for its turn on standard output

// Standard output, which the contents take in turns.
class Turns {
 public:
  explicit Turns(std::size_t count) : waiting_(count) {}

  bool mine(std::size_t index) const { return index == now_; }
  Deferred<void> wait(std::size_t index) {
    Deferred<void> turn;
    waiting_[index] = turn.promise();
    return turn;
  }
  void done(std::size_t index) {
    over_.resize(waiting_.size());
    over_[index] = true;
    while (now_ < over_.size() && over_[now_]) {
      if (++now_ == waiting_.size()) return;
      if (const auto promise = std::exchange(waiting_[now_], std::nullopt)) promise->callback();
    }
  }

 private:
  std::size_t now_ = 0;
  std::vector<bool> over_;
  std::vector<std::optional<Promise<void>>> waiting_;
};

struct All {
  http::Client client;
  Options options;
  Progress& progress;
  Turns turns;
  std::size_t whole = 0;
};

// A file that is there only when it is whole.
class File {
 public:
  explicit File(const std::string& path) : path_(path), file_(std::fopen((path + ".part").c_str(), "wb")) {
    if (!file_) throw std::runtime_error(path + ".part: " + std::strerror(errno));
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (!file_) return;
    std::fclose(file_);
    std::remove((path_ + ".part").c_str());
  }
  void write(std::string_view piece) {
    if (std::fwrite(piece.data(), 1, piece.size(), file_) != piece.size())
      throw std::runtime_error(path_ + ".part: " + std::strerror(errno));
  }
  void keep() {
    if (std::fclose(std::exchange(file_, nullptr)) != 0 || std::rename((path_ + ".part").c_str(), path_.c_str()) != 0)
      throw std::runtime_error(path_ + ": " + std::strerror(errno));
  }

 private:
  std::string path_;
  std::FILE* file_;
};

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size())
    throw std::runtime_error(std::string("standard output: ") + std::strerror(errno));
}

struct Outcome {
  nlohmann::json report;
  std::string content;  // for the report, or until it is this content's turn
};

// region: one
Deferred<void> get(std::shared_ptr<All> all, std::size_t index, Task task, std::shared_ptr<Outcome> outcome) {
  const Options& options = all->options;
  http::RequestOptions how;
  how.headers = options.headers;
  if (options.hasData) how.data = options.data;
  how.timeout = options.timeout;
  const std::string method = !options.method.empty() ? options.method : options.hasData ? "POST" : "GET";
  Deferred<http::ClientResponse> answer = all->client.request(method, Url(task.url), std::move(how));
  http::ClientResponse response = co_await std::move(answer);

  Download& shown = all->progress[index];
  shown.length = response.length();
  outcome->report["status"] = response.status();
  outcome->report["url"] = response.url().str();
  for (const http::Field& field : response.headers()) outcome->report["headers"][std::string(field.name)] = field.value;
  if (response.length().value_or(0) > options.limit) throw http::BodyTooLong(options.limit);
  std::optional<File> file;
  if (!task.file.empty()) file.emplace(task.file);
  for (;;) {
    Deferred<std::string> next = response.body().read();
    std::string piece = co_await std::move(next);
    if (piece.empty()) break;
    all->progress[index].received += piece.size();
    if (all->progress[index].received > options.limit) throw http::BodyTooLong(options.limit);
    if (file) {
      file->write(piece);
    } else if (options.json || !all->turns.mine(index)) {
      outcome->content += piece;
      if (outcome->content.size() <= mostKept || options.json) continue;
      Deferred<void> turn = all->turns.wait(index);  // until then the server waits too
      co_await std::move(turn);
      print(std::exchange(outcome->content, {}));
    } else {
      print(std::exchange(outcome->content, {}));
      print(piece);
    }
  }
  if (file) file->keep();
}
// endregion: one

// Prints what is left to print of it, when it is its turn.
Deferred<void> conclude(std::shared_ptr<All> all, std::size_t index, std::shared_ptr<Outcome> outcome) {
  if (!all->turns.mine(index)) {
    Deferred<void> turn = all->turns.wait(index);
    co_await std::move(turn);
  }
  if (all->options.json) {
    print(outcome->report.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  } else {
    print(outcome->content);
  }
  std::fflush(stdout);
  all->turns.done(index);
}

Deferred<void> one(std::shared_ptr<All> all, std::size_t index, Task task) {
  const auto outcome = std::make_shared<Outcome>();
  const auto file = task.file;
  Download& begun = all->progress[index];
  outcome->report = {{"url", task.url}, {"ok", false}};
  std::string failure;
  try {
    Deferred<void> got = get(all, index, std::move(task), outcome);
    co_await std::move(got);
  } catch (const std::exception& error) {
    failure = error.what();
  }
  static_cast<void>(begun);
  const Download& shown = all->progress[index];
  const double seconds = std::chrono::duration<double>(all->client.agent().clock().seconds() - shown.begun).count();
  outcome->report["bytes"] = shown.received;
  outcome->report["seconds"] = seconds;
  char took[32];
  std::snprintf(took, sizeof took, " in %.2f s", seconds);
  if (failure.empty()) {
    ++all->whole;
    outcome->report["ok"] = true;
    if (file.empty()) {
      outcome->report["content"] = outcome->content;
    } else {
      outcome->report["file"] = file;
    }
    all->progress.finish(index, std::to_string(outcome->report["status"].get<int>()) + ", " +
                                    sizeText(static_cast<double>(shown.received)) + took);
  } else {
    outcome->report["error"] = failure;
    all->progress.finish(index, "failed: " + failure);
  }
  if (all->options.json) outcome->content.clear();
  Deferred<void> concluded = conclude(all, index, outcome);
  co_await std::move(concluded);
}

}  // namespace

// region: all
Deferred<std::size_t> fetchAll(http::Client client, std::vector<Task> tasks, Options options, Progress& progress) {
  const auto all = std::make_shared<All>(All{std::move(client), std::move(options), progress, Turns(tasks.size())});
  for (const Task& task : tasks) progress.add(task.url);
  std::vector<Deferred<void>> running;
  for (std::size_t i = 0; i < tasks.size(); ++i) running.push_back(one(all, i, std::move(tasks[i])));
  return gatherResults(std::move(running)).addCallback([all] { return all->whole; });
}
// endregion: all

}  // namespace fetch
