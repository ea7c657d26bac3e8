// Which products there are, as packed ones.
#include "kernels/packed/product.h"

#include "kernels/amx/engine.h"
#include "kernels/blocks/engine.h"
#include "kernels/packed/packed_product.h"

namespace lorashear::packed {
namespace {

using Optional = std::optional<at::Tensor>;

// fn<Engine>() for the engine that multiplies x, which suits.
template <typename Fn>
void with_engine(const at::Tensor& x, const Fn& fn) {
  with_row_type(x.scalar_type(), [&]<typename T>() {
    if constexpr (amx::kCompiled && !std::is_same_v<T, c10::Half>) {
      if (amx::suits(x)) return fn.template operator()<amx::Tiles<T>>();
    }
    fn.template operator()<blocks::Blocks<T>>();
  });
}

at::Tensor flat(const at::Tensor& y) {
  return y.view({-1, y.size(-1)});
}

std::vector<at::Tensor> wide(at::TensorList list) {
  std::vector<at::Tensor> result;
  for (const at::Tensor& one : list) result.push_back(one.to(at::kFloat));
  return result;
}

at::Tensor dense(const Optional& bias, const at::Tensor& x, int64_t outputs) {
  TORCH_CHECK(!bias || bias->numel() == outputs, "linear: a bias of ", bias->sizes(), " for ",
              outputs, " outputs");
  return bias ? bias->to(x.scalar_type()).contiguous() : at::Tensor();
}

}  // namespace

bool suits(const at::Tensor& x) {
  return amx::suits(x) || blocks::suits(x);
}

bool suits(const at::Tensor& x, const at::Tensor& weight) {
  return suits(x) && weight.scalar_type() == x.scalar_type() && weight.dim() == 2 &&
         weight.size(1) == x.size(-1) && weight.size(0) > 0 &&
         (weight.stride(0) == 1 || weight.stride(1) == 1);
}

void product_out(const at::Tensor& y, const at::Tensor& x, const at::Tensor& weight,
                 const Optional& bias) {
  with_engine(x, [&]<typename Engine>() {
    Product<Engine> product;
    product.sources.emplace_back(rows_of(x), std::vector<at::Tensor>{}, 1);
    product.targets.push_back({flat(y), dense(bias, x, weight.size(0)), {weight}, {}});
    product.run();
  });
}

at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const Optional& bias) {
  at::Tensor y = empty_rows(x, weight.size(0));
  product_out(y, x, weight, bias);
  return y;
}

WithCoefficients products(const at::Tensor& x, const Layers& layers) {
  WithCoefficients result;
  with_engine(x, [&]<typename Engine>() {
    Product<Engine> product;
    product.sources.emplace_back(rows_of(x), wide(layers.a), layers.scale);
    int64_t rank = 0;
    for (size_t i = 0; i < layers.weights.size(); ++i) {
      const at::Tensor& b = layers.b[i];
      result.y.push_back(empty_rows(x, layers.weights[i].size(0)));
      result.h.push_back(product.sources[0].h.narrow(1, rank, b.size(1)));
      rank += b.size(1);
      product.targets.push_back({flat(result.y[i]),
                                 dense(layers.bias(i), x, layers.weights[i].size(0)),
                                 {layers.weights[i]},
                                 {b.to(at::kFloat)}});
    }
    product.run();
  });
  return result;
}

WithCoefficients sum_of_products(at::TensorList xs, const Layers& layers) {
  WithCoefficients result;
  with_engine(xs[0], [&]<typename Engine>() {
    Product<Engine> product;
    result.y.push_back(empty_rows(xs[0], layers.weights[0].size(0)));
    Target target{flat(result.y[0]), {}, layers.weights.vec(), wide(layers.b)};
    for (size_t i = 0; i < xs.size(); ++i) {
      product.sources.emplace_back(
          rows_of(xs[i]), std::vector<at::Tensor>{layers.a[i].to(at::kFloat)}, layers.scale);
      result.h.push_back(product.sources[i].h);
    }
    product.targets.push_back(std::move(target));
    product.run();
  });
  return result;
}

at::Tensor low_rank_in(const at::Tensor& x, const at::Tensor& a, double scale) {
  at::Tensor h;
  with_engine(x, [&]<typename Engine>() {
    const Source<Engine> source(rows_of(x), {a.to(at::kFloat)}, scale);
    each(panels(source.rows.size(0), Engine::kRows), [&](int64_t i) {
      const Packed<typename Engine::Operand> panel(1, Engine::left_size(source.steps()));
      source.pack(i * Engine::kRows, panel.at(0), nullptr);
    });
    h = source.h;
  });
  return h;
}

}  // namespace lorashear::packed
