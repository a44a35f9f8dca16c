#include "real.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <memory>
#include <numeric>
#include <utility>
#include <variant>

#include <bight/deferred.hpp>

using namespace bight;

namespace property {

namespace {

struct Boom : std::exception {
  explicit Boom(int n) : number(n) {}
  int number;
};

template <class T>
inline constexpr bool isNumber = std::is_same_v<T, int>;

class Run {
 public:
  std::string trace;
  int liveFunctions = 0;

  void run(const Program& program) {
    const std::size_t failuresBefore = failuresAtRest();
    script(program.operations);
    trace += "end\n";
    while (!empty()) {  // what ends may put something into places again
      for (int place = 0; place < deferredPlaces; ++place) {
        with(place, [&](auto& d) { trace += d.called() ? "called\n" : "uncalled\n"; });
        dropDeferred(place);
      }
      for (int place = 0; place < promisePlaces; ++place) dropPromise(place);
    }
    if (!program.mayLeak && liveFunctions != 0) trace += "functions are left\n";
    if (!program.mayLeak && failuresAtRest() != failuresBefore) trace += "failures are left\n";
  }

  void report(const UnhandledFailure& unhandled) {
    trace += "report ";
    trace += unhandled.context;
    trace += " " + describe(unhandled.failure) + "\n";
  }

 private:
  // On the heap, so that the sanitizer sees whoever touches a handle that has been dropped meanwhile.
  using AnyDeferred = std::variant<std::monostate, std::unique_ptr<Deferred<int>>, std::unique_ptr<Deferred<void>>>;
  using AnyPromise = std::variant<std::monostate, Promise<int>, Promise<void>>;

  static std::size_t at(int place) { return static_cast<std::size_t>(place); }

  std::string describe(const Failure& failure) {
    std::size_t which = 0;
    while (which < seen_.size() && seen_[which] != failure.count()) ++which;
    if (which == seen_.size()) seen_.push_back(failure.count());
    std::string text = nameOf(failure) + "#" + std::to_string(which);
    if (failure.cause()) text += "<" + describe(*failure.cause());
    return text;
  }

  static std::string nameOf(const Failure& failure) {
    if (auto* boom = failure.get<Boom>()) return "Boom" + std::to_string(boom->number);
    if (failure.check<CancelledError>()) return "Cancelled";
    if (failure.check<AbandonedError>()) return "Abandoned";
    if (failure.check<AlreadyCalledError>()) return "Already";
    if (failure.check<RetypedError>()) return "Retyped";
    if (auto* first = failure.get<FirstError>())
      return "First" + std::to_string(first->index()) + "[" + nameOf(first->subFailure()) + "]";
    if (failure.check<std::logic_error>()) return "Misuse";
    return "?" + failure.typeName();
  }

  std::string describe(int value) { return std::to_string(value); }
  template <class T>
  std::string describe(const Result<T>& result) {
    if (!result) return describe(result.failure());
    if constexpr (isNumber<T>) {
      return describe(*result);
    } else {
      return "";
    }
  }

  /// What the user gives away.
  template <class R, class Argument>
  class Stub {
   public:
    Stub(Run& run, const Function& function, AnyPromise held)
        : run_(&run), function_(&function), held_(std::move(held)) {
      ++run_->liveFunctions;
    }
    Stub(Stub&& other) noexcept : run_(other.run_), function_(other.function_), held_(std::exchange(other.held_, {})) {
      ++run_->liveFunctions;
    }
    ~Stub() { --run_->liveFunctions; }

    R operator()(Argument argument) {
      run_->trace += "f" + std::to_string(function_->id) + "(" + run_->describe(argument) + ")\n";
      run_->script(function_->script);
      const Failure* failure = nullptr;
      if constexpr (std::is_same_v<Argument, Failure>) {
        failure = &argument;
      } else if constexpr (!isNumber<Argument>) {
        if (!argument) failure = &argument.failure();
      }
      return run_->finish<R>(*function_, failure);
    }

   private:
    Run* run_;
    const Function* function_;
    AnyPromise held_;
  };
  template <class R>
  class Stub<R, void> : public Stub<R, int> {
   public:
    Stub(Run& run, const Function& function, AnyPromise held)
        : Stub<R, int>(run, function, std::move(held)), run_(&run), function_(&function) {}
    R operator()() {
      run_->trace += "f" + std::to_string(function_->id) + "()\n";
      run_->script(function_->script);
      return run_->finish<R>(*function_, nullptr);
    }

   private:
    Run* run_;
    const Function* function_;
  };

  template <class R>
  R finish(const Function& function, const Failure* failure) {
    const Boom boom(function.value);
    const bool same = function.ends == Ends::same && failure;
    if (function.ends == Ends::throws) throw boom;
    if constexpr (std::is_same_v<R, Failure>) {
      if (same) return *failure;
      return Failure(boom);
    } else {
      if constexpr (std::is_same_v<R, Result<int>> || std::is_same_v<R, Result<void>>) {
        if (same) return *failure;
        if (function.ends == Ends::failure) return Failure(boom);
      }
      if constexpr (detail::isDeferred<R>) {
        if (function.ends == Ends::failure) return fail<typename R::value_type>(boom);
      }
      if (same) failure->raise();
      if (function.ends == Ends::failure) throw boom;
      if constexpr (detail::isDeferred<R>) {
        if (function.place != nowhere) {
          if (auto* d = std::get_if<std::unique_ptr<R>>(&deferreds_[at(function.place)])) {
            const std::unique_ptr<R> taken = std::move(*d);
            deferreds_[at(function.place)] = std::monostate();
            return std::move(*taken);
          }
        }
        if constexpr (isNumber<typename R::value_type>) {
          return succeed(function.value);
        } else {
          return succeed();
        }
      } else if constexpr (isNumber<R>) {
        return function.value;
      } else if constexpr (std::is_same_v<R, Result<int>>) {
        return Result<int>(function.value);
      } else if constexpr (std::is_same_v<R, Result<void>>) {
        return {};
      }
    }
  }

  // --- operations

  void script(const std::vector<Operation>& operations) {
    for (const Operation& operation : operations) {
      try {
        perform(operation);
      } catch (const AlreadyCalledError&) {
        trace += "already\n";
      } catch (const RetypedError&) {
        trace += "retyped\n";
      } catch (const std::logic_error&) {
        trace += "misuse\n";
      }
    }
  }

  bool empty() const {
    for (const AnyDeferred& d : deferreds_) {
      if (d.index() != 0) return false;
    }
    for (const AnyPromise& p : promises_) {
      if (p.index() != 0) return false;
    }
    return true;
  }

  /// Calls `f` with the Deferred at the place, if there is one.
  template <class F>
  void with(int place, F f) {
    if (auto* number = std::get_if<1>(&deferreds_[at(place)])) {
      f(**number);
    } else if (auto* nothing = std::get_if<2>(&deferreds_[at(place)])) {
      f(**nothing);
    }
  }
  template <class T>
  void keep(int place, Deferred<T> d) {
    if (place == nowhere || deferreds_[at(place)].index() != 0) return;
    deferreds_[at(place)] = std::make_unique<Deferred<T>>(std::move(d));
  }
  // The place is empty before what follows from the end of a handle.
  void dropDeferred(int place) { const AnyDeferred gone = std::exchange(deferreds_[at(place)], AnyDeferred()); }
  void dropPromise(int place) { const AnyPromise gone = std::exchange(promises_[at(place)], AnyPromise()); }

  void perform(const Operation& o) {
    switch (o.kind) {
      case Kind::make:
        dropDeferred(o.place);
        if (o.flag) {
          keep(o.place, make<void>(o));
        } else {
          keep(o.place, make<int>(o));
        }
        break;
      case Kind::ready:
        dropDeferred(o.place);
        if (o.flag) {
          keep(o.place, fail<int>(Boom(o.value)));
        } else if (o.value != 0) {
          keep(o.place, succeed(o.value));
        } else {
          keep(o.place, succeed());
        }
        break;
      case Kind::add:
        with(o.place, [&](auto& d) { add(d, o.stage.front()); });
        break;
      case Kind::promise:
        with(o.place, [&](auto& d) {
          auto promise = d.promise();
          dropPromise(o.other);
          if (promises_[at(o.other)].index() == 0) promises_[at(o.other)] = std::move(promise);
        });
        break;
      case Kind::fire:
        with(o.place, [&](auto& d) { fire(d, o); });
        break;
      case Kind::firePromise: {
        // A copy, as a producer that drops its own while it fires would have none left.
        const AnyPromise promise = promises_[at(o.place)];
        if (auto* number = std::get_if<1>(&promise)) fire(*number, o);
        if (auto* nothing = std::get_if<2>(&promise)) fire(*nothing, o);
        break;
      }
      case Kind::pause:
        with(o.place, [](auto& d) { d.pause(); });
        break;
      case Kind::unpause:
        with(o.place, [](auto& d) { d.unpause(); });
        break;
      case Kind::cancel:
        with(o.place, [](auto& d) { d.cancel(); });
        break;
      case Kind::drop:
        dropDeferred(o.place);
        break;
      case Kind::dropPromise:
        dropPromise(o.place);
        break;
      case Kind::move:
        if (o.other != o.place && deferreds_[at(o.other)].index() == 0)
          std::swap(deferreds_[at(o.other)], deferreds_[at(o.place)]);
        break;
      case Kind::chainTo:
        chainTo(o);
        break;
      case Kind::gather:
        gather(o);
        break;
    }
  }

  template <class T>
  Deferred<T> make(const Operation& o) {
    if (o.canceller.empty()) return Deferred<T>();
    const Function& function = o.canceller.front();
    if (o.cancellerTakesPromise) {
      return Deferred<T>([this, &o, &function](Promise<T> promise) {
        trace += "c" + std::to_string(function.id) + "\n";
        script(function.script);
        switch (o.cancellerEnds) {
          case CancellerEnds::fires:
            if (promise.called()) break;
            if constexpr (isNumber<T>) {
              promise.callback(function.value);
            } else {
              promise.callback();
            }
            break;
          case CancellerEnds::fails:
            if (!promise.called()) promise.errback(Boom(function.value));
            break;
          case CancellerEnds::throws:
            throw Boom(function.value);
          case CancellerEnds::keepsPromise:
            dropPromise(function.place);
            if (promises_[at(function.place)].index() == 0) promises_[at(function.place)] = std::move(promise);
            break;
          case CancellerEnds::silently:
            break;
        }
      });
    }
    return Deferred<T>([this, &o, &function] {
      trace += "c" + std::to_string(function.id) + "\n";
      script(function.script);
      if (o.cancellerEnds == CancellerEnds::throws) throw Boom(function.value);
    });
  }

  template <class Target>
  void fire(Target& target, const Operation& o) {
    if (o.flag) {
      target.errback(Boom(o.value));
    } else if constexpr (std::is_same_v<Target, Deferred<int>> || std::is_same_v<Target, const Promise<int>>) {
      target.callback(o.value);
    } else {
      target.callback();
    }
  }

  AnyPromise take(int place) {
    if (place == nowhere) return {};
    return std::exchange(promises_[at(place)], AnyPromise());
  }

  /// The Deferred that a stage gave: the very one it was added to, or one of another type.
  template <class T>
  void added(Deferred<T>&, const Stage&) {}
  template <class T>
  void added(Deferred<T>&& next, const Stage& stage) {
    keep(stage.keepIn, std::move(next));
  }

  template <class T>
  void add(Deferred<T>& d, const Stage& stage) {
    switch (stage.form) {
      case Form::callback:
        if (stage.takes) {
          addCallback<T>(d, stage);
        } else {
          addCallback<void>(d, stage);
        }
        break;
      case Form::errback:
        addErrback(d, stage);
        break;
      case Form::both:
        if (stage.takes) {
          addBoth<Result<T>>(d, stage);
        } else {
          addBoth<void>(d, stage);
        }
        break;
      case Form::twoSided:
        addCallbacks(d, stage);
        break;
    }
  }

  /// Calls `f` with the C++ type of what a function returns.
  template <class T>
  struct Is {
    using Type = T;
  };
  template <class F>
  void withType(Returns returns, F f) {
    switch (returns) {
      case Returns::nothing:
        return f(Is<void>());
      case Returns::number:
        return f(Is<int>());
      case Returns::resultNothing:
        return f(Is<Result<void>>());
      case Returns::result:
        return f(Is<Result<int>>());
      case Returns::deferredNothing:
        return f(Is<Deferred<void>>());
      case Returns::deferred:
        return f(Is<Deferred<int>>());
      case Returns::failure:
        return f(Is<Failure>());
    }
  }

  template <class Argument, class T>
  void addCallback(Deferred<T>& d, const Stage& stage) {
    withType(stage.first.returns, [&](auto is) {
      using R = typename decltype(is)::Type;
      added(d.addCallback(Stub<R, Argument>(*this, stage.first, take(stage.holds))), stage);
    });
  }
  template <class Argument, class T>
  void addBoth(Deferred<T>& d, const Stage& stage) {
    withType(stage.first.returns, [&](auto is) {
      using R = typename decltype(is)::Type;
      added(d.addBoth(Stub<R, Argument>(*this, stage.first, take(stage.holds))), stage);
    });
  }
  template <class T>
  void addErrback(Deferred<T>& d, const Stage& stage) {
    withType(fitting(stage.first.returns, isNumber<T> ? Type::number : Type::nothing), [&](auto is) {
      using R = typename decltype(is)::Type;
      if constexpr (detail::recoversTo<R, T>)
        added(d.addErrback(Stub<R, Failure>(*this, stage.first, take(stage.holds))), stage);
    });
  }
  template <class T>
  void addCallbacks(Deferred<T>& d, const Stage& stage) {
    withType(stage.first.returns, [&](auto is) {
      using R = typename decltype(is)::Type;
      using Next = detail::ReturnedValue<R>;
      if constexpr (std::is_same_v<R, void> || std::is_same_v<R, int> || std::is_same_v<R, Deferred<int>>) {
        withType(fitting(stage.second.returns, isNumber<Next> ? Type::number : Type::nothing), [&](auto second) {
          using S = typename decltype(second)::Type;
          if constexpr (detail::recoversTo<S, Next> && !detail::isResult<S>) {
            added(d.addCallbacks(Stub<R, T>(*this, stage.first, take(stage.holds)),
                                 Stub<S, Failure>(*this, stage.second, AnyPromise())),
                  stage);
          }
        });
      }
    });
  }

  void chainTo(const Operation& o) {
    with(o.place, [&](auto& d) {
      using P = Promise<typename std::remove_reference_t<decltype(d)>::value_type>;
      if (!std::holds_alternative<P>(promises_[at(o.other)])) return;
      AnyPromise taken = take(o.other);
      d.chainTo(std::get<P>(std::move(taken)));
    });
  }

  void gather(const Operation& o) {
    std::vector<Deferred<int>> members;
    for (int place = 0; place < deferredPlaces; ++place) {
      auto* d = std::get_if<1>(&deferreds_[at(place)]);
      if (!(o.value >> place & 1) || !d || !(*d)->chain().endsWith<int>()) continue;
      // The second handle of one chain would be refused: its type has gone by then.
      if (std::any_of(members.begin(), members.end(), [&](auto& m) { return &m.chain() == &(*d)->chain(); })) continue;
      members.push_back(std::move(**d));
      deferreds_[at(place)] = std::monostate();
    }
    Deferred<int> sum = gatherResults(std::move(members), o.flag).addCallback([](const std::vector<int>& numbers) {
      return std::accumulate(numbers.begin(), numbers.end(), 0);
    });
    dropDeferred(o.place);
    keep(o.place, std::move(sum));
  }

  std::array<AnyDeferred, deferredPlaces> deferreds_;
  std::array<AnyPromise, promisePlaces> promises_;
  std::vector<std::uint64_t> seen_;
};

}  // namespace

std::string runReal(const Program& program) {
  Run run;
  UnhandledFailureHook before =
      setUnhandledFailureHook([&run](const UnhandledFailure& unhandled) { run.report(unhandled); });
  run.run(program);
  setUnhandledFailureHook(std::move(before));
  return std::move(run.trace);
}

}  // namespace property
