// A profile: every operator and every step of backward that libtorch runs, on whichever thread,
// with its times and the number that ties a step of backward to its operator.
#include "session/profile.h"

#include <ATen/record_function.h>

#include <chrono>
#include <mutex>
#include <vector>

#include "boundary/guard.h"
#include "boundary/marshal.h"

namespace lorashear {
namespace {

struct Event {
  std::string name;
  int64_t start, end, sequence;
  uint64_t thread;
  bool backward;
};

// One for the process: libtorch's callbacks are the process's, too.
struct Profile {
  std::mutex mutex;
  std::vector<Event> events;
  size_t limit = 0;
  at::CallbackHandle callback = at::INVALID_CALLBACK_HANDLE;
};

Profile& profile() {
  static Profile the_profile;
  return the_profile;
}

// Nanoseconds of the clock that process.hrtime() reads.
int64_t now() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

struct Started : at::ObserverContext {
  int64_t at = now();
};

void record(const at::RecordFunction& fn, int64_t start) {
  const int64_t end = now();
  const bool backward = fn.scope() == at::RecordScope::BACKWARD_FUNCTION;
  const std::scoped_lock lock(profile().mutex);
  auto& events = profile().events;
  if (events.size() >= profile().limit) return;
  events.push_back({fn.name(), start, end, fn.seqNr(), fn.threadId(), backward});
}

// startProfile(limit): records up to `limit` calls; returns the number of the calling thread.
Napi::Value start_profile(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const auto limit = static_cast<size_t>(number_of(info[0], "limit"));
    const std::scoped_lock lock(profile().mutex);
    if (profile().callback != at::INVALID_CALLBACK_HANDLE) {
      throw BadArgument("a profile is already being made");
    }
    profile().events.clear();
    profile().limit = limit;
    profile().callback = at::addGlobalCallback(
        at::RecordFunctionCallback(
            [](const at::RecordFunction&) -> std::unique_ptr<at::ObserverContext> {
              return std::make_unique<Started>();
            },
            [](const at::RecordFunction& fn, at::ObserverContext* context) {
              record(fn, static_cast<Started*>(context)->at);
            })
            .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
    return Napi::Number::New(info.Env(),
                             static_cast<double>(at::RecordFunction::currentThreadId()));
  });
}

// stopProfile(): [name, start, end, sequence, thread, backward] of each call, in order of their
// ends.
Napi::Value stop_profile(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    std::vector<Event> events;
    {
      const std::scoped_lock lock(profile().mutex);
      if (profile().callback != at::INVALID_CALLBACK_HANDLE) {
        at::removeCallback(profile().callback);
      }
      profile().callback = at::INVALID_CALLBACK_HANDLE;
      events.swap(profile().events);
    }
    Napi::Array result = Napi::Array::New(info.Env(), events.size());
    for (size_t i = 0; i < events.size(); ++i) {
      const Event& event = events[i];
      Napi::Array row = Napi::Array::New(info.Env(), 6);
      row.Set(0u, event.name);
      row.Set(1u, static_cast<double>(event.start));
      row.Set(2u, static_cast<double>(event.end));
      row.Set(3u, static_cast<double>(event.sequence));
      row.Set(4u, static_cast<double>(event.thread));
      row.Set(5u, event.backward);
      result.Set(static_cast<uint32_t>(i), row);
    }
    return result;
  });
}

}  // namespace

void export_profile(Napi::Env env, Napi::Object exports) {
  exports.Set("startProfile", Napi::Function::New(env, start_profile, "startProfile"));
  exports.Set("stopProfile", Napi::Function::New(env, stop_profile, "stopProfile"));
}

}  // namespace lorashear
