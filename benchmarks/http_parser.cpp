// What it costs to parse a request such as a browser sends: nanoseconds of CPU time per request, whole and in two pieces.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>
#include <string_view>

#include <bight/http/parser.hpp>

using bight::http::RequestParser;

namespace {

const std::string request =
    "GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg?since=1234 HTTP/1.1\r\n"
    "Host: www.kittyhell.com\r\n"
    "User-Agent: Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.6; ja-JP-mac; rv:1.9.2.3) Gecko/20100401 Firefox/3.6.3 "
    "Pathtraq/0.9\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: ja,en-us;q=0.7,en;q=0.3\r\n"
    "Accept-Encoding: gzip,deflate\r\n"
    "Accept-Charset: Shift_JIS,utf-8;q=0.7,*;q=0.7\r\n"
    "Keep-Alive: 115\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: wp_ozh_wsa_visits=2; wp_ozh_wsa_visit_lasttime=xxxxxxxxxx; "
    "__utma=xxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.x; "
    "__utmz=xxxxxxxxx.xxxxxxxxxx.x.x.utmccn=(referral)|utmcsr=reader.livedoor.com|utmcct=/reader/\r\n"
    "\r\n";

double cpuNanoseconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

void parse(RequestParser& parser, std::string_view piece) {
  while (true) {
    switch (parser.next(piece)) {
      case RequestParser::Event::head:
      case RequestParser::Event::body:
      case RequestParser::Event::end:
        break;
      default:
        return;
    }
  }
}

template <class F>
double perRequest(F&& f) {
  double best = 1e9;
  for (int round = 0; round < 7; ++round) {
    constexpr int count = 100000;
    const double start = cpuNanoseconds();
    for (int i = 0; i < count; ++i) f();
    best = std::min(best, (cpuNanoseconds() - start) / count);
  }
  return best;
}

}  // namespace

int main() {
  RequestParser parser;
  const std::string_view all = request;
  std::printf("bytes\t%zu\n", all.size());
  std::printf("whole\t%.0f ns\n", perRequest([&] { parse(parser, all); }));
  std::printf("in two\t%.0f ns\n", perRequest([&] {
                parse(parser, all.substr(0, 400));
                parse(parser, all.substr(400));
              }));
}
