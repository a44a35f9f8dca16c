#include <bight/http/client.hpp>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <map>
#include <stdexcept>
#include <utility>

#include <bight/defer_later.hpp>
#include <bight/detail/block_cache.hpp>
#include <bight/http/syntax.hpp>
#include <bight/reactor.hpp>

#include "response_state.hpp"

namespace bight::http {

namespace detail {

struct Session {
  std::shared_ptr<Agent> agent;
  ClientOptions options;
};

}  // namespace detail

namespace {

constexpr std::size_t skippedBody = 64 * 1024;  // a redirect's content up to this size is read, to keep the connection

bool isIdempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" || method == "OPTIONS" ||
         method == "TRACE";
}

bool isRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// The pause that a Retry-After field asks for: seconds, or a date.
std::optional<Duration> retryAfter(const ClientResponse& response) {
  const auto field = response.header("Retry-After");
  if (!field) return std::nullopt;
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(field->data(), field->data() + field->size(), seconds);
  if (error == std::errc() && end == field->data() + field->size()) return std::chrono::seconds(seconds);
  const auto date = parseCookieDate(*field);  // reads the dates of HTTP too
  if (!date) return std::nullopt;
  return std::chrono::seconds(std::max<std::int64_t>(*date - std::time(nullptr), 0));
}

// One call of Client::request: what changes from request to request, until there is an answer to give.
struct Call {
  std::shared_ptr<detail::Session> session;
  std::string method;
  Url url;
  RequestOptions options;
  Timeouts timeouts;
  const RetryPolicy* retry;  // of the options, or of the session
  RequestBody body;
  Headers headers;
  std::optional<Auth> auth;
  std::shared_ptr<CookieJar> jar;
  std::string credentials;  // the Authorization field for the next request
  bool ownCookies = true;   // those of the options: for the first origin
  bool challenged = false;
  unsigned redirects = 0;
  unsigned attempts = 0;
  Duration begun{};
  std::vector<ClientResponse> history;

  Call(const std::shared_ptr<detail::Session>& s, std::string&& m, const Url& u, RequestOptions&& o)
      : session(s), method(std::move(m)), url(u), options(std::move(o)) {
    const ClientOptions& defaults = session->options;
    timeouts = defaults.timeouts;
    if (options.timeout) timeouts.total = *options.timeout;
    if (options.connectTimeout) timeouts.connect = *options.connectTimeout;
    if (options.readTimeout) timeouts.read = *options.readTimeout;
    if (options.writeTimeout) timeouts.write = *options.writeTimeout;
    retry = options.retry ? &*options.retry : &defaults.retry;
    headers = std::move(options.headers);
    for (const Field& field : defaults.headers) {
      if (!headers.contains(field.name)) headers.add(field.name, field.value);
    }
    auth = options.auth ? options.auth : defaults.auth;
    if (!url.userinfo().empty() && !auth) auth = Auth::basic(url.user(), url.password());
    if (!options.params.empty()) url = url.withQuery(options.params.encode());
    if (!url.userinfo().empty()) url = url.withoutUserinfo();
    if (url.fragment()) url = url.withoutFragment();
    if (auth && !headers.contains("Authorization")) credentials = auth->unasked();
    jar = defaults.cookies;
    makeBody();
    begun = session->agent->clock().seconds();
  }

  void makeBody() {
    const int given = options.data.given() + (options.form || !options.files.empty()) + options.json.has_value();
    if (given == 0) return;
    if (given > 1) {
      throw std::invalid_argument(
          "bight::http: a request has one content: data, or json, or form and files; more than one was given");
    }
    std::string type;
    if (options.json) {
      body = std::move(*options.json);
      type = "application/json";
    } else if (!options.files.empty()) {
      MultipartWriter writer;
      if (options.form) {
        for (const auto& [name, value] : *options.form) writer.add(name, value);
      }
      for (FormFile& file : options.files) writer.addFile(std::move(file));
      type = writer.contentType();
      body = writer.body();
    } else if (options.form) {
      body = options.form->encode();
      type = "application/x-www-form-urlencoded";
    } else {
      body = std::move(options.data);
    }
    if (!type.empty() && !headers.contains("Content-Type")) headers.add("Content-Type", type);
  }

  // The next request. The total time that is left is its total time.
  OutgoingRequest outgoing() const {
    OutgoingRequest request{method, url, headers, body, timeouts, options.decode};
    if (timeouts.total > Duration::zero() && (redirects || attempts > 1 || challenged)) {
      const Duration left = begun + timeouts.total - session->agent->clock().seconds();
      request.timeouts.total = std::max(left, Duration(1));
    }
    if (!credentials.empty()) request.headers.set("Authorization", credentials);
    std::string cookies = jar ? jar->header(url) : std::string();
    if (ownCookies) {
      for (const auto& [name, value] : options.cookies) {
        if (!isToken(name) || !isFieldValue(value) || value.find(';') != std::string::npos)
          throw std::invalid_argument("bight::http: the cookie \"" + name + "\" could break out of its field");
        if (!cookies.empty()) cookies += "; ";
        cookies.append(name).append("=").append(value);
      }
    }
    if (!cookies.empty() && !headers.contains("Cookie")) request.headers.add("Cookie", cookies);
    return request;
  }

  bool mayRepeat() const { return attempts < retry->attempts && isIdempotent(method) && !body.streamed(); }

  // How long to wait before the next attempt, or nothing if there shall be none.
  std::optional<Duration> pauseAfter(const ClientResponse& response) const {
    if (!mayRepeat() ||
        std::find(retry->statuses.begin(), retry->statuses.end(), response.status()) == retry->statuses.end())
      return std::nullopt;
    if (const auto wanted = retryAfter(response)) return *wanted <= retry->longest ? wanted : std::nullopt;
    return pause();
  }
  std::optional<Duration> pauseAfter(const Failure& failure) const {
    if (!retry->failures || !mayRepeat() || !failure.check<RequestError>()) return std::nullopt;
    if (timeouts.total > Duration::zero() && session->agent->clock().seconds() - begun >= timeouts.total)
      return std::nullopt;
    return pause();
  }
  Duration pause() const {
    double pause = static_cast<double>(retry->pause.count());
    for (unsigned i = 1; i < attempts; ++i) pause *= retry->factor;
    return std::min(Duration(static_cast<Duration::rep>(std::min(pause, 1e18))), retry->longest);
  }

  void takeCookies(const ClientResponse& response) {
    for (std::string_view value : response.headers().getAll("Set-Cookie")) {
      if (!jar) jar = std::make_shared<CookieJar>();
      jar->set(url, value);
    }
  }

  // Whether a 401 can be answered: then the next request does.
  bool answerChallenge(const ClientResponse& response) {
    if (response.status() != 401 || !auth || challenged || body.streamed()) return false;
    const auto answer = auth->answer(response.headers().getAll("WWW-Authenticate"), method, url.target());
    if (!answer) return false;
    challenged = true;
    credentials = *answer;
    return true;
  }

  // Whether the answer sends us elsewhere: then the next request goes there. @throws RedirectError
  bool followRedirect(const ClientResponse& response) {
    const auto location = response.header("Location");
    if (!options.allowRedirects || !isRedirect(response.status()) || !location) return false;
    const std::string to(*location);
    const auto refuse = [&](const std::string& why) {
      throw RedirectError(response.status(), to,
                          method + " " + url.str() + ": answered with " + std::to_string(response.status()) + " to \"" +
                              to.substr(0, 200) + "\", which is not followed: " + why);
    };
    const unsigned most = options.maxRedirects.value_or(session->options.maxRedirects);
    if (redirects >= most) refuse("there were " + std::to_string(redirects) + " redirects before it.");
    std::optional<Url> target;
    try {
      target = url.resolve(to).withoutUserinfo().withoutFragment();
    } catch (const UrlError& error) {
      refuse(error.what());
    }
    if (target->scheme() != "http" && target->scheme() != "https") refuse("that is not HTTP.");
    if (url.secure() && !target->secure()) refuse("it leads from https to http.");
    const bool toGet = response.status() == 303 ? method != "HEAD" : response.status() < 303 && method == "POST";
    if (toGet) {
      method = "GET";
      body = {};
      for (const char* name : {"Content-Type", "Content-Encoding", "Content-Language", "Content-Location"})
        headers.remove(name);
    } else if (body.streamed()) {
      refuse("the content was a stream and cannot be sent again.");
    }
    if (target->origin() != url.origin()) {
      for (const char* name : {"Authorization", "Cookie", "Proxy-Authorization", "Host"}) headers.remove(name);
      auth.reset();
      credentials.clear();
      ownCookies = false;
    } else if (challenged) {
      credentials = auth ? auth->unasked() : std::string();  // an answer to a challenge is for one target
    }
    challenged = false;
    ++redirects;
    url = *std::move(target);
    return true;
  }
};

Deferred<ClientResponse> perform(std::shared_ptr<Call> call) {
  for (;;) {
    ++call->attempts;
    std::optional<Failure> failure;
    std::optional<ClientResponse> response;
    try {
      Deferred<ClientResponse> answer = call->session->agent->request(call->outgoing());
      response = co_await std::move(answer);
    } catch (const RequestError&) {
      failure.emplace();
    }
    std::optional<Duration> pause = failure ? call->pauseAfter(*failure) : call->pauseAfter(*response);
    if (!pause && failure) co_return *std::move(failure);
    if (response) call->takeCookies(*response);
    bool again = pause.has_value();
    if (!again) {
      again = call->answerChallenge(*response);
      if (!again) {
        again = call->followRedirect(*response);
        if (again) call->history.push_back(*response);
      }
      if (again) call->attempts = 0;
    }
    if (!again) {
      response->state().history = std::move(call->history);
      co_return *std::move(response);
    }
    if (response) {
      // What it says is of no interest, but its connection is.
      BodyReader body = std::move(response->state().body);
      response.reset();
      if (body.length().value_or(0) <= skippedBody) {
        Deferred<void> skipped = body.readAll(skippedBody).addBoth([](const Result<std::string>&) {});
        co_await std::move(skipped);
      }
    }
    if (pause) {
      Deferred<void> later = deferLater(call->session->agent->clock(), *pause);
      co_await std::move(later);
    }
  }
}

}  // namespace

Client::Client(std::shared_ptr<Agent> agent, ClientOptions options)
    : session_(std::make_shared<detail::Session>(detail::Session{std::move(agent), std::move(options)})) {
  if (!session_->agent) throw std::invalid_argument("bight::http::Client needs an agent, and got a null pointer");
}

Deferred<ClientResponse> Client::request(std::string method, Url url, RequestOptions options) const {
  const bight::detail::BlockAllocator<Call> blocks;
  return perform(std::allocate_shared<Call>(blocks, session_, std::move(method), url, std::move(options)));
}

Agent& Client::agent() const noexcept {
  return *session_->agent;
}

const ClientOptions& Client::options() const noexcept {
  return session_->options;
}

Client clientFor(Reactor& reactor) {
  static thread_local std::map<Reactor*, Client> clients;
  const auto at = clients.find(&reactor);
  if (at != clients.end()) return at->second;
  Client client(std::make_shared<NetworkAgent>(reactor));
  // Forgotten with the reactor; whoever still has a request under way has a handle of his own.
  reactor.addSystemEventTrigger(Phase::after, "shutdown", [key = &reactor] { clients.erase(key); });
  clients.emplace(&reactor, client);
  return client;
}

Client clientFor(const HostReactor& reactor) {
  AgentOptions options;
  options.persistent = false;
  return Client(std::make_shared<NetworkAgent>(reactor, std::move(options)));
}

}  // namespace bight::http
