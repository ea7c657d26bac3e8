// lorashear::lora_linear(s): y = x W^T + b + s (x A^T) B^T of one layer or of several that read the
// same x, and the gradients of x, A and B.
#include "kernels/lora_linear/op.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "kernels/amx/engine.h"
#include "kernels/amx/gradients.h"
#include "kernels/linear/op.h"
#include "kernels/packed/product.h"
#include "kernels/remade.h"

namespace lorashear {
namespace {

using at::Tensor;
using at::TensorList;
using Optional = std::optional<Tensor>;

template <typename Signature>
auto typed(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

Tensor low_rank_in(const Tensor& x, const Tensor& basis, double scale) {
  static const auto op =
      typed<Tensor(const Tensor&, const Tensor&, double)>("lorashear::low_rank_in");
  return op.call(x, basis, scale);
}

Tensor& low_rank_out(Tensor& y, const Tensor& coefficients, const Tensor& basis) {
  static const auto op =
      typed<Tensor&(Tensor&, const Tensor&, const Tensor&)>("lorashear::low_rank_out");
  return op.call(y, coefficients, basis);
}

Tensor low_rank_gradient(const Tensor& coefficients, const Tensor& x, bool transposed) {
  static const auto op =
      typed<Tensor(const Tensor&, const Tensor&, bool)>("lorashear::low_rank_gradient");
  return op.call(coefficients, x, transposed);
}

bool suit(TensorList xs, const packed::Layers& layers) {
  for (size_t i = 0; i < layers.weights.size(); ++i) {
    const Tensor& x = xs[xs.size() == 1 ? 0 : i];
    if (!packed::suits(x, layers.weights[i]) || layers.a[i].size(0) == 0) return false;
  }
  return true;
}

Tensor product(const Tensor& x, const Tensor& weight, const Optional& bias) {
  return x.device().is_cpu() ? linear_cpu(x, weight, bias, std::nullopt)
                             : at::linear(x, weight, bias);
}

// Linear layers of one x: their y = x W^T + b + h B^T, and h = scale x A^T, which stays for the
// gradients.
packed::WithCoefficients forward_of(const Tensor& x, const packed::Layers& layers) {
  if (suit({x}, layers)) return packed::products(x, layers);
  packed::WithCoefficients result;
  for (size_t i = 0; i < layers.weights.size(); ++i) {
    result.y.push_back(product(x, layers.weights[i], layers.bias(i)));
    result.h.push_back(low_rank_in(x, layers.a[i], layers.scale));
    low_rank_out(result.y[i], result.h[i], layers.b[i].t());
  }
  return result;
}

// The gradient of x from those of every y, and scale y B: `layers` has the roles of A and B and the
// sides of W exchanged.
packed::WithCoefficients backward_of(TensorList gradients, const packed::Layers& layers) {
  if (suit(gradients, layers)) return packed::sum_of_products(gradients, layers);
  packed::WithCoefficients result;
  for (size_t i = 0; i < gradients.size(); ++i) {
    const Tensor& given = gradients[i];
    result.h.push_back(low_rank_in(given, layers.a[i], layers.scale));
    const Tensor& weight = layers.weights[i];
    if (i == 0)
      result.y.push_back(product(given, weight, std::nullopt));
    else
      result.y[0].view({-1, weight.size(0)}).addmm_(given.view({-1, weight.size(1)}), weight.t());
    low_rank_out(result.y[0], result.h[i], layers.b[i].t());
  }
  return result;
}

std::vector<Tensor> transposed(TensorList list) {
  std::vector<Tensor> result;
  for (const Tensor& one : list) result.push_back(one.t());
  return result;
}

// Of the layers whose y has a gradient.
template <typename List>
std::vector<Tensor> chosen(const List& list, const std::vector<size_t>& places) {
  std::vector<Tensor> result;
  result.reserve(places.size());
  for (const size_t place : places) result.push_back(list[place]);
  return result;
}

// As amx::low_rank_gradients, for all types and devices.
std::vector<Tensor> factor_gradients(const std::vector<amx::Outer>& list) {
  if (amx::suits(list[0].x)) return amx::low_rank_gradients(list);
  std::vector<Tensor> result;
  for (const amx::Outer& one : list) {
    for (const Tensor& coefficients : one.coefficients)
      result.push_back(low_rank_gradient(coefficients, one.x, one.transposed));
  }
  return result;
}

struct LoraLinears : torch::autograd::Function<LoraLinears> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context,
                                                const Tensor& x, TensorList weights,
                                                TensorList biases, TensorList a, TensorList b,
                                                double scale) {
    const at::AutoDispatchBelowADInplaceOrView below;
    auto [y, h] = forward_of(x, {weights, biases, a, b, scale});
    torch::autograd::variable_list saved{unless_remade(x)};
    for (const TensorList list : {weights, a, b, TensorList(h)})
      saved.insert(saved.end(), list.begin(), list.end());
    context->save_for_backward(std::move(saved));
    context->saved_data["scale"] = scale;
    context->saved_data["biases"] = static_cast<int64_t>(biases.size());
    context->set_materialize_grads(false);
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& given) {
    const auto saved = context->get_saved_variables();
    const size_t count = given.size();
    const TensorList all(saved);
    const TensorList weights = all.slice(1, count), a = all.slice(1 + count, count);
    const TensorList b = all.slice(1 + 2 * count, count), h = all.slice(1 + 3 * count, count);
    const double scale = context->saved_data["scale"].toDouble();
    // Inputs are numbered as they were given: x, weights, biases, the factors A, the factors B.
    const size_t of_a = 1 + count + context->saved_data["biases"].toInt(), of_b = of_a + count;
    torch::autograd::variable_list result(of_b + count + 1);
    const at::AutoDispatchBelowADInplaceOrView below;
    std::vector<size_t> places;
    std::vector<Tensor> gradients;
    for (size_t i = 0; i < count; ++i) {
      if (!given[i].defined()) continue;
      places.push_back(i);
      gradients.push_back(given[i].contiguous());
    }
    std::vector<Tensor> back;  // (rows, r)
    if (context->needs_input_grad(0) && !places.empty()) {
      const auto w = transposed(chosen(weights, places)), to = transposed(chosen(b, places));
      const auto from = transposed(chosen(a, places));
      auto both = backward_of(gradients, {w, {}, to, from, scale});
      result[0] = both.y[0];
      back = std::move(both.h);
    }
    std::vector<amx::Outer> outer{{kept_or_remade(saved[0]), {}, false}};
    std::vector<size_t> slots, later;
    for (size_t i = 0; i < places.size(); ++i) {
      const size_t place = places[i];
      if (context->needs_input_grad(of_a + place)) {
        outer[0].coefficients.push_back(
            back.empty() ? low_rank_in(gradients[i], b[place].t(), scale) : back[i]);
        slots.push_back(of_a + place);
      }
      if (!context->needs_input_grad(of_b + place)) continue;
      outer.push_back({gradients[i], {h[place]}, true});
      later.push_back(of_b + place);
    }
    slots.insert(slots.end(), later.begin(), later.end());
    const std::vector<Tensor> of_factors = factor_gradients(outer);
    for (size_t i = 0; i < slots.size(); ++i) {
      const Tensor& factor = saved[1 + slots[i] - of_a + count];
      result[slots[i]] = of_factors[i].to(factor.scalar_type());
    }
    return result;
  }
};

bool any_learns(TensorList list) {
  return std::any_of(list.begin(), list.end(), [](const Tensor& t) { return t.requires_grad(); });
}

std::vector<Tensor> lora_linears_autograd(const Tensor& x, TensorList weights, TensorList biases,
                                          TensorList a, TensorList b, double scale) {
  if (!any_learns(weights) && !any_learns(biases))
    return LoraLinears::apply(x, weights, biases, a, b, scale);
  std::vector<Tensor> result;  // the base is not frozen
  for (size_t i = 0; i < weights.size(); ++i) {
    const Tensor h = at::linear(at::linear(x.to(a[i].scalar_type()), a[i]), b[i]);
    const Optional bias = biases.empty() ? std::nullopt : Optional(biases[i]);
    result.push_back((at::linear(x, weights[i], bias) + h * scale).to(x.scalar_type()));
  }
  return result;
}

std::vector<Tensor> lora_linears(const Tensor& x, TensorList weights, TensorList biases,
                                 TensorList a, TensorList b, double scale) {
  return forward_of(x, {weights, biases, a, b, scale}).y;
}

Tensor lora_linear(const Tensor& x, const Tensor& weight, const Optional& bias, const Tensor& a,
                   const Tensor& b, double scale) {
  static const auto op =
      typed<std::vector<Tensor>(const Tensor&, TensorList, TensorList, TensorList, TensorList,
                                double)>("lorashear::lora_linears");
  return op.call(x, weight, bias ? TensorList(*bias) : TensorList(), a, b, scale)[0];
}

}  // namespace
}  // namespace lorashear

TORCH_LIBRARY_FRAGMENT(lorashear, library) {
  library.def(
      "lora_linear(Tensor x, Tensor weight, Tensor? bias, Tensor a, Tensor b, float scale) -> "
      "Tensor");
  library.def(
      "lora_linears(Tensor x, Tensor[] weights, Tensor[] biases, Tensor[] a, Tensor[] b, float "
      "scale) -> Tensor[]");
  library.def("low_rank_in(Tensor x, Tensor basis, float scale) -> Tensor");
  library.def("low_rank_out(Tensor(a!) y, Tensor coefficients, Tensor basis) -> Tensor(a!)");
  library.def("low_rank_gradient(Tensor coefficients, Tensor x, bool transposed) -> Tensor");
}

TORCH_LIBRARY_IMPL(lorashear, Autograd, library) {
  library.impl("lora_linears", lorashear::lora_linears_autograd);
}

TORCH_LIBRARY_IMPL(lorashear, CompositeExplicitAutograd, library) {
  library.impl("lora_linears", lorashear::lora_linears);
  library.impl("low_rank_in", lorashear::low_rank_in_reference);
  library.impl("low_rank_out", lorashear::low_rank_out_reference);
  library.impl("low_rank_gradient", lorashear::low_rank_gradient_reference);
}

TORCH_LIBRARY_IMPL(lorashear, CompositeImplicitAutograd, library) {
  library.impl("lora_linear", lorashear::lora_linear);
}

TORCH_LIBRARY_IMPL(lorashear, CPU, library) {
  library.impl("low_rank_in", lorashear::low_rank_in_cpu);
  library.impl("low_rank_out", lorashear::low_rank_out_cpu);
  library.impl("low_rank_gradient", lorashear::low_rank_gradient_cpu);
}
