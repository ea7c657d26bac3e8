// The parts of lorashear::causal_attention: checks, definition, and the passes on CPU.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <utility>

namespace lorashear {

// q (B, H, T, D); k and v (B, K, S, D) with S >= T and H a multiple of K; query t is token
// S - T + t and sees the tokens from first[b][t] (int32 (B or 1, T); 0 without it) to its own.
void check_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const std::optional<at::Tensor>& first);

// Whether halves are widened first, because this processor has no block products of theirs.
bool goes_as_float(at::ScalarType type);

// Whether the passes below compute it.
bool suits_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

// softmax(scale q k^T) v by libtorch, which hides tokens by a mask; with gradients.
at::Tensor attention_reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const std::optional<at::Tensor>& first, double scale);

// The output (B, H, T, D), whose memory is (B, T, H, D), and the logarithm of each softmax's
// denominator (B, H, T), float32.
std::pair<at::Tensor, at::Tensor> attention_forward(const at::Tensor& q, const at::Tensor& k,
                                                    const at::Tensor& v,
                                                    const std::optional<at::Tensor>& first,
                                                    double scale);

struct AttentionGradients {
  at::Tensor q, k, v;  // each in memory as (B, tokens, heads, D)
};

struct AttentionResult {
  const at::Tensor &q, &k, &v, &out, &log_total;
  const std::optional<at::Tensor>& first;
  double scale;
};

AttentionGradients attention_backward(const at::Tensor& gradient, const AttentionResult& of);

}  // namespace lorashear
