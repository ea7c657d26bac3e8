// What a device is asked to do, recorded once and asked for again as one.
#pragma once

#include <c10/core/Device.h>
#include <napi.h>

#include <memory>

namespace lorashear {

// From when it is made what this thread asks of the device is recorded, and not done. Destroyed
// while it records, it forgets all of it.
class DeviceGraph {
 public:
  virtual ~DeviceGraph() = default;
  // Ends the recording.
  virtual void end() = 0;
  // Does what was recorded, after all that the device was asked for before.
  virtual void replay() = 0;
};

// Null where the device has no graphs, or this addon was built without CUDA.
std::unique_ptr<DeviceGraph> record_device_graph(c10::Device device);

void export_device_graph(Napi::Env env, Napi::Object exports);

}  // namespace lorashear
