// Measures TLS echo servers against each other: every round gives each of them the same load, one after the other, so
// that whatever else the machine does hits all alike. The first one is the floor.
//
//   tls_load [--conns 16] [--size 16384] [--secs 1] [--rounds 5] [--idle N] SERVER [SERVER…]
//
// A server is a program that takes a port and echoes. It runs on CPU 0, the load on CPU 1. Each connection has one
// message on its way and sends the next one when the last has come back. A row is: messages a second; microseconds of
// the server's CPU for a message; the median of its ratios to the floor in the same round. With --idle, N connections
// shake hands and then do nothing, and a row is the memory of the server for each.
#include <fcntl.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>

#include "server_process.hpp"

namespace {

using bench::connectTo;
using bench::median;
using bench::Server;
using Clock = std::chrono::steady_clock;

struct Options {
  int connections = 16;
  std::size_t size = 16384;
  double seconds = 1;
  int rounds = 5;
  int idle = 0;
  std::vector<std::string> servers;
};

struct Row {
  double perSecond = 0;
  double cpu = 0;  // microseconds a message, or bytes a connection
};

struct Connection {
  SSL* ssl;
  int fd;
  std::size_t sent = 0;
  std::size_t got = 0;
};

class Load {
 public:
  Load(const Options& options, SSL_CTX* context, int port, int count)
      : message_(options.size, 'x'), buffer_(256 * 1024) {
    for (int i = 0; i < count; ++i) {
      const int fd = connectTo(port);
      SSL* ssl = SSL_new(context);
      SSL_set_fd(ssl, fd);
      if (fd < 0 || SSL_connect(ssl) != 1) throw std::runtime_error("no handshake");
      connections_.push_back({ssl, fd});
    }
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load() {
    for (const auto& connection : connections_) {
      SSL_free(connection.ssl);
      close(connection.fd);
    }
    if (epoll_ >= 0) close(epoll_);
  }

  /// Runs for a while. @return messages that came back
  double run(double seconds) {
    if (epoll_ < 0) begin();
    const auto until =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    messages_ = 0;
    epoll_event events[256];
    while (Clock::now() < until) {
      const int count = epoll_wait(epoll_, events, 256, 5000);
      if (count == 0) throw std::runtime_error("the server is silent for 5 s");
      for (int i = 0; i < count; ++i) step(connections_[events[i].data.u32]);
    }
    return messages_;
  }

 private:
  void begin() {
    epoll_ = epoll_create1(0);
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      Connection& connection = connections_[i];
      fcntl(connection.fd, F_SETFL, O_NONBLOCK);
      epoll_event event{};
      event.events = EPOLLIN | EPOLLOUT | EPOLLET;
      event.data.u32 = static_cast<std::uint32_t>(i);
      epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
      step(connection);
    }
  }

  void step(Connection& connection) {
    for (;;) {
      while (connection.sent < message_.size()) {
        const int sent = SSL_write(connection.ssl, message_.data() + connection.sent,
                                   static_cast<int>(message_.size() - connection.sent));
        if (sent <= 0) {
          refuse(connection, sent, SSL_ERROR_WANT_WRITE);
          break;
        }
        connection.sent += static_cast<std::size_t>(sent);
      }
      const int got = SSL_read(connection.ssl, buffer_.data(), static_cast<int>(buffer_.size()));
      if (got <= 0) return refuse(connection, got, SSL_ERROR_WANT_READ);
      if (buffer_[0] != 'x') throw std::runtime_error("not an echo");
      connection.got += static_cast<std::size_t>(got);
      if (connection.got < message_.size()) continue;
      if (connection.got > message_.size()) throw std::runtime_error("more came back than was sent");
      ++messages_;
      connection.sent = connection.got = 0;
    }
  }

  static void refuse(const Connection& connection, int result, int allowed) {
    const int error = SSL_get_error(connection.ssl, result);
    if (error != allowed && error != SSL_ERROR_WANT_READ) throw std::runtime_error("the server has closed");
  }

  std::string message_;
  std::vector<char> buffer_;
  std::vector<Connection> connections_;
  double messages_ = 0;
  int epoll_ = -1;
};

Row measure(const Options& options, const std::string& program, SSL_CTX* context) {
  const Server server(program);
  if (options.idle > 0) {
    // The first ones warm allocator and caches.
    const Load first(options, context, server.port(), 100);
    const double before = server.residentBytes();
    const Load rest(options, context, server.port(), options.idle);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return {0, (server.residentBytes() - before) / options.idle};
  }
  Load load(options, context, server.port(), options.connections);
  load.run(0.2);
  const double cpu = server.cpuMicroseconds();
  const auto began = Clock::now();
  const double messages = load.run(options.seconds);
  const double took = std::chrono::duration<double>(Clock::now() - began).count();
  return {messages / took, (server.cpuMicroseconds() - cpu) / messages};
}

void run(const Options& options) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  bench::runOn(1);
  std::vector<std::vector<Row>> rows(options.servers.size());
  for (int round = 0; round < options.rounds; ++round)
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].push_back(measure(options, options.servers[i], context));
  std::printf("%-48s %10s %10s %8s\n", "server", "msgs/s", options.idle > 0 ? "bytes" : "cpu us", "xFloor");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::vector<double> perSecond;
    std::vector<double> cpu;
    std::vector<double> ratio;
    for (std::size_t round = 0; round < rows[i].size(); ++round) {
      perSecond.push_back(rows[i][round].perSecond);
      cpu.push_back(rows[i][round].cpu);
      ratio.push_back(rows[i][round].cpu / rows[0][round].cpu);
    }
    std::printf("%-48s %10.0f %10.2f %8.3f\n", options.servers[i].c_str(), median(perSecond), median(cpu),
                median(ratio));
  }
  SSL_CTX_free(context);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  Options options;
  CLI::App app("Measures TLS echo servers against each other; the first one is the floor.");
  app.add_option("--conns", options.connections, "connections with one message on its way each");
  app.add_option("--size", options.size, "bytes of a message");
  app.add_option("--secs", options.seconds, "seconds for each server in a round");
  app.add_option("--rounds", options.rounds, "rounds");
  app.add_option("--idle", options.idle, "measure the memory of so many idle connections instead");
  app.add_option("servers", options.servers, "programs that take a port")->required();
  CLI11_PARSE(app, argc, argv);
  try {
    run(options);
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "tls_load: " << e.what() << "\n";
    return 1;
  }
}
