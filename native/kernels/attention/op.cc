// lorashear::causal_attention: schema, checks, meta implementation and gradient; the CPU and
// reference ones are beside it.
#include "kernels/attention/op.h"

#include <ATen/Functions.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "kernels/heads.h"

namespace lorashear {

using at::Tensor;
using Optional = std::optional<Tensor>;

void check_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Optional& first) {
  TORCH_CHECK(q.dim() == 4 && k.dim() == 4 && k.sizes() == v.sizes(), "causal_attention: q has ",
              q.sizes(), ", k ", k.sizes(), ", v ", v.sizes());
  TORCH_CHECK(q.size(0) == k.size(0) && q.size(3) == k.size(3) && k.size(1) > 0 &&
                  q.size(1) % k.size(1) == 0 && k.size(2) >= q.size(2),
              "causal_attention: q of ", q.sizes(), " does not fit keys of ", k.sizes());
  if (!first) return;
  TORCH_CHECK(first->scalar_type() == at::kInt && first->dim() == 2 &&
                  (first->size(0) == q.size(0) || first->size(0) == 1) &&
                  first->size(1) == q.size(2),
              "causal_attention: first tokens of ", first->sizes(), " and ", first->scalar_type(),
              " do not fit queries of ", q.sizes());
}

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// (B, H, T, D) in memory as (B, T, H, D)
Tensor attention_meta(const Tensor& q, const Tensor& k, const Tensor& v, const Optional& first,
                      double /*scale*/) {
  check_attention(q, k, v, first);
  return empty_heads(q);
}

Tensor attention_cpu(const Tensor& q, const Tensor& k, const Tensor& v, const Optional& first,
                     double scale) {
  check_attention(q, k, v, first);
  if (!suits_attention(q, k, v)) return attention_reference(q, k, v, first, scale);
  return attention_forward(q, k, v, first, scale).first;
}

struct CausalAttention : torch::autograd::Function<CausalAttention> {
  static Tensor forward(AutogradContext* context, const Tensor& q, const Tensor& k, const Tensor& v,
                        const Optional& first, double scale) {
    const at::AutoDispatchBelowADInplaceOrView below;
    auto [out, log_total] = attention_forward(q, k, v, first, scale);
    context->save_for_backward({q, k, v, out, log_total, first.value_or(Tensor())});
    context->saved_data["scale"] = scale;
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& given) {
    const auto saved = context->get_saved_variables();
    const at::AutoDispatchBelowADInplaceOrView below;
    const Optional first = saved[5].defined() ? Optional(saved[5]) : std::nullopt;
    const AttentionGradients found =
        attention_backward(given[0], {saved[0], saved[1], saved[2], saved[3], saved[4], first,
                                      context->saved_data["scale"].toDouble()});
    return {found.q, found.k, found.v, Tensor(), Tensor()};
  }
};

Tensor attention_autograd(const Tensor& q, const Tensor& k, const Tensor& v, const Optional& first,
                          double scale) {
  check_attention(q, k, v, first);
  if (!suits_attention(q, k, v)) return attention_reference(q, k, v, first, scale);
  return CausalAttention::apply(q, k, v, first, scale);
}

}  // namespace
}  // namespace lorashear

TORCH_LIBRARY_FRAGMENT(lorashear, library) {
  library.def(
      "causal_attention(Tensor q, Tensor k, Tensor v, Tensor? first, float scale) -> Tensor");
  library.def(
      "causal_attention_reference(Tensor q, Tensor k, Tensor v, Tensor? first, float scale) -> "
      "Tensor");
}

TORCH_LIBRARY_IMPL(lorashear, CompositeImplicitAutograd, library) {
  library.impl("causal_attention_reference", lorashear::attention_reference);
}

TORCH_LIBRARY_IMPL(lorashear, CPU, library) {
  library.impl("causal_attention", lorashear::attention_cpu);
}

TORCH_LIBRARY_IMPL(lorashear, Meta, library) {
  library.impl("causal_attention", lorashear::attention_meta);
}

TORCH_LIBRARY_IMPL(lorashear, Autograd, library) {
  library.impl("causal_attention", lorashear::attention_autograd);
}
