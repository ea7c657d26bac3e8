#include "kernels/remade.h"

#include <ATen/core/LegacyTypeDispatch.h>

#include <unordered_map>
#include <utility>

namespace lorashear {
namespace {

struct Remaker {
  uint32_t result;
  Remake remake;
};

std::unordered_map<std::type_index, Remaker>& remakers() {
  static std::unordered_map<std::type_index, Remaker> all;
  return all;
}

Remake remake_of(const torch::autograd::Node* node, uint32_t result) {
  if (!node) return nullptr;
  const auto found = remakers().find(typeid(*node));
  return found != remakers().end() && found->second.result == result ? found->second.remake
                                                                     : nullptr;
}

thread_local bool remaking = false;

}  // namespace

bool set_remaking(bool on) {
  return std::exchange(remaking, on);
}

bool remember_remake(std::type_index node, uint32_t result, Remake remake) noexcept {
  return remakers().emplace(node, Remaker{result, remake}).second;
}

at::Tensor unless_remade(const at::Tensor& x) {
  if (!remaking || !x.grad_fn()) return x;
  return remake_of(x.grad_fn().get(), x.output_nr()) ? at::Tensor() : x;
}

at::Tensor kept_or_remade(const at::Tensor& kept) {
  if (kept.defined()) return kept;
  const torch::autograd::Edge made_by = torch::autograd::get_current_node()->next_edge(0);
  const at::AutoDispatchBelowADInplaceOrView below;
  return remake_of(made_by.function.get(), made_by.input_nr)(*made_by.function);
}

}  // namespace lorashear
