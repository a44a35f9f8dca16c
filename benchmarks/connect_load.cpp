// What connections cost that are made rather than used. Every round gives each server the same load, one after the
// other; the first server is the floor.
//
//   connect_load [--cycles 10000] [--rounds 5] SERVER [SERVER…]   connections that are made and reset at once: microseconds
//                                                                of the server's CPU and of time for each
//   connect_load --full SERVER [SERVER…]      with 64 descriptors in all, and 100 clients more than that at the door: the
//                                             server's CPU in percent, and how many of the old connections are still served
//   connect_load --greedy SERVER [SERVER…]    a client that sends and never reads: what the server grows by, in MiB
//
// SERVER is a command; `{port}` in it is the port, or else the port is added to it. --full and --greedy want echo servers.
#include <fcntl.h>
#include <poll.h>

#include <cerrno>
#include <cstdio>
#include <iostream>

#include <CLI/CLI.hpp>

#include "server_process.hpp"

namespace {

using bench::Server;
using Clock = std::chrono::steady_clock;

struct Options {
  int cycles = 10000;
  int rounds = 5;
  bool full = false;
  bool greedy = false;
  std::vector<std::string> servers;
};

void reset(int fd) {
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(fd);
}

int mustConnect(int port) {
  const int fd = bench::connectTo(port);
  if (fd < 0) throw std::runtime_error("cannot connect: errno " + std::to_string(errno));
  return fd;
}

/// A request that echo servers answer and web servers too. @return whether an answer came within the time
bool answers(int fd, int milliseconds) {
  const std::string_view request = "GET / HTTP/1.0\r\n\r\n";
  if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) return false;
  pollfd waiting{fd, POLLIN, 0};
  char buffer[4096];
  return poll(&waiting, 1, milliseconds) == 1 && recv(fd, buffer, sizeof buffer, 0) > 0;
}

/// Connections are taken in order: when the last one has its answer, the server is through with all.
void cycles(int port, int count) {
  for (int i = 0; i < count; ++i) reset(mustConnect(port));
  const int last = mustConnect(port);
  if (!answers(last, 10000)) throw std::runtime_error("no answer within 10 s");
  reset(last);
}

struct Row {
  double first = 0;
  double second = 0;
};

/// Microseconds of CPU and of time for each connection.
Row measureCycles(const Options& options, const std::string& command) {
  const Server server(command);
  cycles(server.port(), options.cycles / 10);
  const double cpu = server.cpuMicroseconds();
  const auto began = Clock::now();
  cycles(server.port(), options.cycles);
  const double took = std::chrono::duration<double, std::micro>(Clock::now() - began).count();
  return {(server.cpuMicroseconds() - cpu) / options.cycles, took / options.cycles};
}

/// Percent of a CPU while nobody can be let in, and percent of the old connections that are still served.
Row measureFull(const std::string& command) {
  const Server server(command, 64);
  std::vector<int> inside;
  while (inside.size() < 40) inside.push_back(mustConnect(server.port()));
  for (const int fd : inside)
    if (!answers(fd, 5000)) throw std::runtime_error("one of the first 40 connections is not served");
  std::vector<int> outside;
  while (outside.size() < 124) outside.push_back(mustConnect(server.port()));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const double cpu = server.cpuMicroseconds();
  const auto began = Clock::now();
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const double used = server.cpuMicroseconds() - cpu;
  const double took = std::chrono::duration<double, std::micro>(Clock::now() - began).count();
  double served = 0;
  for (const int fd : inside) served += answers(fd, 1000) ? 1 : 0;
  for (const int fd : inside) close(fd);
  for (const int fd : outside) close(fd);
  return {100 * used / took, 100 * served / 40};
}

/// MiB that the server has grown by at its largest, and MiB that it took before it stopped reading or closed.
Row measureGreedy(const std::string& command) {
  const Server server(command);
  const int fd = mustConnect(server.port());
  fcntl(fd, F_SETFL, O_NONBLOCK);
  const double before = server.residentBytes();
  double largest = 0;
  double sent = 0;
  const std::string portion(65536, 'x');
  for (;;) {
    const ssize_t n = send(fd, portion.data(), portion.size(), MSG_NOSIGNAL);
    largest = std::max(largest, server.residentBytes() - before);
    if (n > 0) sent += static_cast<double>(n);
    if (n < 0 && errno != EAGAIN) break;
    pollfd waiting{fd, POLLOUT, 0};
    if (n < 0 && poll(&waiting, 1, 500) == 0) break;
    if (sent > 1024.0 * 1024 * 1024) break;  // a server without a limit
  }
  close(fd);
  return {largest / 1048576, sent / 1048576};
}

Row measure(const Options& options, const std::string& command) {
  if (options.full) return measureFull(command);
  if (options.greedy) return measureGreedy(command);
  return measureCycles(options, command);
}

void run(const Options& options) {
  bench::runOn(1);
  std::vector<std::vector<Row>> rows(options.servers.size());
  for (int round = 0; round < options.rounds; ++round)
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].push_back(measure(options, options.servers[i]));
  const char* const first = options.full ? "cpu %" : options.greedy ? "MiB more" : "cpu us";
  const char* const second = options.full ? "served %" : options.greedy ? "MiB taken" : "us";
  std::printf("%-56s %10s %10s %10s %10s\n", "server", first, "xFloor", second, "xFloor");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::vector<double> firsts, seconds, firstRatios, secondRatios;
    for (std::size_t round = 0; round < rows[i].size(); ++round) {
      firsts.push_back(rows[i][round].first);
      seconds.push_back(rows[i][round].second);
      firstRatios.push_back(rows[i][round].first / rows[0][round].first);
      secondRatios.push_back(rows[i][round].second / rows[0][round].second);
    }
    std::printf("%-56s %10.2f %10.3f %10.2f %10.3f\n", options.servers[i].c_str(), bench::median(firsts),
                bench::median(firstRatios), bench::median(seconds), bench::median(secondRatios));
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  Options options;
  CLI::App app("Measures what connections cost that are made rather than used; the first server is the floor.");
  app.add_option("--cycles", options.cycles, "connections that are made and reset");
  app.add_option("--rounds", options.rounds, "rounds");
  const auto full = app.add_flag("--full", options.full, "with all descriptors used up, instead");
  app.add_flag("--greedy", options.greedy, "with a client that never reads, instead")->excludes(full);
  app.add_option("servers", options.servers, "commands of servers")->required();
  CLI11_PARSE(app, argc, argv);
  try {
    run(options);
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "connect_load: " << e.what() << "\n";
    return 1;
  }
}
