// Selective recomputation: a cheap result (a norm, a gated activation) is not kept for backward by
// what read it; it is computed again from what its own operator keeps anyway.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/csrc/autograd/custom_function.h>

#include <typeindex>

namespace lorashear {

// Computes the result of an operator again, with the same bits, from its node in autograd's graph.
using Remake = at::Tensor (*)(torch::autograd::Node& node);

// `remake` serves nodes of this type, for their result of this number.
bool remember_remake(std::type_index node, uint32_t result, Remake remake) noexcept;

// The same by what an operator saved: `of` takes its AutogradContext. For a static to call once.
template <typename Op, auto of>
bool remakes(uint32_t result) noexcept {
  using Node = torch::autograd::CppNode<Op>;
  return remember_remake(typeid(Node), result, [](torch::autograd::Node& node) {
    return of(static_cast<Node&>(node).ctx_);
  });
}

// Whether operators of this thread now leave out what can be made again; gives what it was.
bool set_remaking(bool on);

// x, to be saved for backward; undefined where it is left out.
at::Tensor unless_remade(const at::Tensor& x);
// In backward: what unless_remade() left of the operator's first input, or that input made again.
at::Tensor kept_or_remade(const at::Tensor& kept);

}  // namespace lorashear
