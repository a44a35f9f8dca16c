/// @file
/// Things to do over time: once and later (`deferLater`), again and again (`LoopingCall`), a little at a time
/// (`Cooperator`), and a whole program (`react`). Each takes a clock or a reactor, so each can be tested with
/// `testing::Clock`.
#pragma once

#include <bight/cooperator.hpp>
#include <bight/defer_later.hpp>
#include <bight/looping_call.hpp>
#include <bight/react.hpp>
