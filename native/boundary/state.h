// What one JavaScript environment (main thread or worker) owns: nothing here is shared between
// them.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <napi.h>

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "boundary/handles.h"
#include "boundary/unboxed.h"
#include "session/device_graph.h"

namespace lorashear {

class FileMapping;

struct Operator {
  c10::OperatorHandle handle;
  std::unique_ptr<Unboxed> unboxed;  // null: called boxed
};

struct State {
  HandleTable tensors;
  std::vector<Operator> operators;
  std::vector<at::Generator> generators;
  std::unordered_map<uint32_t, std::shared_ptr<FileMapping>> mappings;
  uint32_t next_mapping = 1;
  std::unordered_map<uint32_t, std::unique_ptr<DeviceGraph>> graphs;
  uint32_t next_graph = 1;
};

inline State& state_of(Napi::Env env) {
  return *env.GetInstanceData<State>();
}

}  // namespace lorashear
