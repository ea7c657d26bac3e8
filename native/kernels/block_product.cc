// Asks oneDNN for a kernel: ONEDNN_MAX_CPU_ISA may forbid what the processor has.
#include "kernels/block_product.h"

#include <exception>

#include "kernels/instruction_set.h"

namespace lorashear {
namespace {

template <typename T>
bool has_kernel() {
  constexpr int64_t n = 16;
  T a[n * n] = {}, b[n * n] = {};
  float c[n * n];
  try {
    const BlockProducts products;
    block_product<T>(n, n, n, {a, n}, {b, n}, {c, n}, false);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace

bool has_block_products(at::ScalarType type) {
  const InstructionSet set = instruction_set();
  static const bool floats = set >= InstructionSet::avx2 && has_kernel<float>();
  static const bool pairs = set >= InstructionSet::avx512_bf16 && has_kernel<c10::BFloat16>();
  return type == at::kFloat ? floats : type == at::kBFloat16 && pairs;
}

}  // namespace lorashear
