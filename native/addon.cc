// The addon's entry: state per environment, and the functions that lib/native/binding.ts types.
#include <napi.h>

#include "boundary/call.h"
#include "boundary/state.h"
#include "boundary/tensor_table.h"
#include "io/file_map.h"
#include "io/file_slice.h"
#include "io/host_copy.h"
#include "session/autograd.h"
#include "session/device.h"
#include "session/device_graph.h"
#include "session/profile.h"
#include "session/random.h"
#include "session/small_blocks.h"

namespace lorashear {
namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  use_small_blocks();
  env.SetInstanceData(new State());
  export_call(env, exports);
  export_tensor_table(env, exports);
  export_autograd(env, exports);
  export_device(env, exports);
  export_device_graph(env, exports);
  export_profile(env, exports);
  export_random(env, exports);
  export_file_map(env, exports);
  export_file_slice(env, exports);
  export_host_copy(env, exports);
  return exports;
}

NODE_API_MODULE(lorashear, init)

}  // namespace
}  // namespace lorashear
