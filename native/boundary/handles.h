// Generation-tagged table from the numbers that JavaScript holds to the tensors that libtorch
// holds.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace lorashear {

// Thrown on a handle that was freed or never given out; the guard reports it as TENSOR_DISPOSED.
struct StaleHandle : std::runtime_error {
  explicit StaleHandle(double handle)
      : std::runtime_error("tensor handle " + std::to_string(static_cast<int64_t>(handle)) +
                           " is not alive") {}
};

// A handle is generation * 2^32 + slot: exact in a double, because generations stay below 2^20.
class HandleTable {
 public:
  double put(at::Tensor tensor) {
    uint32_t slot;
    if (free_.empty()) {
      slot = static_cast<uint32_t>(slots_.size());
      slots_.push_back({});
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    Slot& entry = slots_[slot];
    entry.tensor = std::move(tensor);
    entry.alive = true;
    ++alive_;
    return static_cast<double>(entry.generation) * kSlots + slot;
  }

  at::Tensor& get(double handle) { return find(handle).tensor; }

  void free(double handle) {
    Slot& entry = find(handle);
    entry.tensor = at::Tensor();
    entry.alive = false;
    entry.generation = (entry.generation + 1) & kGenerationMask;
    free_.push_back(static_cast<uint32_t>(static_cast<uint64_t>(handle) & 0xffffffffu));
    --alive_;
  }

  bool alive(double handle) const {
    uint64_t slot, generation;
    if (!split(handle, &slot, &generation)) return false;
    return slots_[slot].alive && slots_[slot].generation == generation;
  }

  size_t count() const { return alive_; }

  // Bytes of the distinct storages that live handles keep.
  size_t bytes() const;

 private:
  static constexpr double kSlots = 4294967296.0;
  static constexpr uint32_t kGenerationMask = (1u << 20) - 1;
  struct Slot {
    at::Tensor tensor;
    uint32_t generation = 0;
    bool alive = false;
  };

  bool split(double handle, uint64_t* slot, uint64_t* generation) const {
    if (!(handle >= 0) || handle >= kSlots * (kGenerationMask + 1.0)) return false;
    const uint64_t bits = static_cast<uint64_t>(handle);
    *slot = bits & 0xffffffffu;
    *generation = bits >> 32;
    return static_cast<double>(bits) == handle && *slot < slots_.size();
  }

  Slot& find(double handle) {
    uint64_t slot, generation;
    if (!split(handle, &slot, &generation) || !slots_[slot].alive ||
        slots_[slot].generation != generation) {
      throw StaleHandle(handle);
    }
    return slots_[slot];
  }

  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  size_t alive_ = 0;
};

}  // namespace lorashear
