// The implementations of lorashear::linear.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string_view>

namespace lorashear {

at::Tensor linear_cpu(const at::Tensor& x, const at::Tensor& weight,
                      const std::optional<at::Tensor>& bias, std::optional<c10::string_view> by);
at::Tensor linear_reference(const at::Tensor& x, const at::Tensor& weight,
                            const std::optional<at::Tensor>& bias);

}  // namespace lorashear
