/// @file
/// The lab on the web: which URL does what.
///
/// | request | answer |
/// |---|---|
/// | `GET /` | the page, and the files that belong to it; `GET /presets.json` are the chains that it offers |
/// | `POST /code`, a plan in JSON | `{"code":"#include …","lines":[8,11]}`: the program, and where its stages are |
/// | `POST /run`, a plan in JSON | what happens, as server-sent events: `begin`, `frame` for each step, `over` |
/// | `POST /runs/{id}/fire`, `{"with":"value"}` or `{"with":"failure"}` | 204: a Deferred that waits for you is fired |
/// | `POST /runs/{id}/cancel` | 204: it is cancelled |
///
/// What is sent wrongly is answered with 400 and `{"error":"a sentence","stage":2}`, where the stage counts from 0 and is
/// -1 if it is not about one. A run ends with its connection.
#pragma once

#include <cstddef>
#include <memory>

#include <bight/http/resource.hpp>
#include <bight/time.hpp>

namespace lab {

/// How many chains may run at once; who comes then is answered with 503.
constexpr std::size_t mostRuns = 50;

/// The root of the site. `clock` must outlive it.
std::shared_ptr<bight::http::Resource> makeWeb(bight::ReactorTime& clock);

}  // namespace lab
