// CUDA graphs by libtorch's own recorder, which keeps the recorded memory for the graph alone.
#include "session/device_graph.h"

#ifdef LORASHEAR_CUDA
#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <unordered_map>
#endif

namespace lorashear {

#ifdef LORASHEAR_CUDA
namespace {

namespace memory = c10::cuda::CUDACachingAllocator;

// Always the same one for a thread: cuBLAS keeps a workspace for each stream that it ever met.
c10::cuda::CUDAStream recording_stream(c10::DeviceIndex device) {
  thread_local std::unordered_map<c10::DeviceIndex, c10::cuda::CUDAStream> streams;
  return streams.try_emplace(device, c10::cuda::getStreamFromPool(false, device)).first->second;
}

class CudaGraph : public DeviceGraph {
 public:
  explicit CudaGraph(c10::DeviceIndex device)
      : device_(device),
        guard_(device),
        before_(c10::cuda::getCurrentCUDAStream(device)),
        pool_(at::cuda::graph_pool_handle()) {
    // The stream that records waits for nothing: all that was asked for must be done by then. What
    // the allocator holds for others cannot serve the graph.
    c10::cuda::device_synchronize();
    memory::emptyCache();
    c10::cuda::setCurrentCUDAStream(recording_stream(device));
    try {
      // Other threads may use the device meanwhile; those of autograd work for the same stream.
      graph_.capture_begin(pool_, cudaStreamCaptureModeThreadLocal);
    } catch (...) {
      leave();
      forget();
      throw;
    }
  }

  CudaGraph(const CudaGraph&) = delete;
  CudaGraph& operator=(const CudaGraph&) = delete;

  ~CudaGraph() override {
    if (!guard_) return;
    try {
      end();
    } catch (const c10::Error&) {
      return;  // what broke the recording is known to whoever dropped it
    }
  }

  void end() override {
    try {
      graph_.capture_end();
    } catch (...) {
      leave();
      forget();
      throw;
    }
    leave();
  }

  void replay() override { graph_.replay(); }

 private:
  void leave() {
    c10::cuda::setCurrentCUDAStream(before_);
    guard_.reset();
  }

  // A recording that cannot be ended leaves its pools open, on the device and on the host.
  void forget() {
    const auto close = [](const auto& steps) {
      try {
        steps();
      } catch (const c10::Error&) {
        return;  // it was closed already
      }
    };
    close([&] {
      memory::endAllocateToPool(device_, pool_);
      memory::releasePool(device_, pool_);
    });
    close([&] {
      at::HostAllocator* host = at::getHostAllocator(at::kCUDA);
      host->end_allocate_to_pool(pool_);
      host->release_pool(pool_);
    });
  }

  const c10::DeviceIndex device_;
  std::optional<c10::cuda::CUDAGuard> guard_;  // while it records
  const c10::cuda::CUDAStream before_;
  const c10::MempoolId_t pool_;
  at::cuda::CUDAGraph graph_;
};

}  // namespace

std::unique_ptr<DeviceGraph> record_device_graph(c10::Device device) {
  if (!device.is_cuda()) return nullptr;
  return std::make_unique<CudaGraph>(device.has_index() ? device.index()
                                                        : c10::cuda::current_device());
}
#else
std::unique_ptr<DeviceGraph> record_device_graph(c10::Device) {
  return nullptr;
}
#endif

}  // namespace lorashear
