// Recordings of a device's work, as lib/tensor/device_graph.ts uses them.
#include "session/device_graph.h"

#include "boundary/guard.h"
#include "boundary/marshal.h"

namespace lorashear {
namespace {

DeviceGraph& graph_of(State& state, const Napi::Value& value) {
  const auto found = state.graphs.find(static_cast<uint32_t>(number_of(value, "graph")));
  if (found == state.graphs.end()) throw BadArgument("unknown graph");
  return *found->second;
}

// recordGraph(device): begins; null where the device has no graphs.
Napi::Value record_graph(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&]() -> Napi::Value {
    State& state = state_of(info.Env());
    auto graph = record_device_graph(c10::Device(info[0].As<Napi::String>().Utf8Value()));
    if (!graph) return info.Env().Null();
    state.graphs[state.next_graph] = std::move(graph);
    return Napi::Number::New(info.Env(), state.next_graph++);
  });
}

void end_graph(const Napi::CallbackInfo& info) {
  guard(info.Env(), [&] { graph_of(state_of(info.Env()), info[0]).end(); });
}

void replay_graph(const Napi::CallbackInfo& info) {
  guard(info.Env(), [&] { graph_of(state_of(info.Env()), info[0]).replay(); });
}

void drop_graph(const Napi::CallbackInfo& info) {
  guard(info.Env(), [&] {
    state_of(info.Env()).graphs.erase(static_cast<uint32_t>(number_of(info[0], "graph")));
  });
}

}  // namespace

void export_device_graph(Napi::Env env, Napi::Object exports) {
  exports.Set("recordGraph", Napi::Function::New(env, record_graph, "recordGraph"));
  exports.Set("endGraph", Napi::Function::New(env, end_graph, "endGraph"));
  exports.Set("replayGraph", Napi::Function::New(env, replay_graph, "replayGraph"));
  exports.Set("dropGraph", Napi::Function::New(env, drop_graph, "dropGraph"));
}

}  // namespace lorashear
