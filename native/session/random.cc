// Seeded generators whose state can be saved and put back.
#include "session/random.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>

#include "boundary/guard.h"
#include "boundary/marshal.h"

namespace lorashear {
namespace {

at::Generator& generator_of(State& state, const Napi::Value& value) {
  const double index = number_of(value, "generator");
  if (!(index >= 0) || index >= static_cast<double>(state.generators.size())) {
    throw BadArgument("unknown generator");
  }
  return state.generators[static_cast<size_t>(index)];
}

// generator(seed, device): a new independent stream of random numbers.
Napi::Value generator(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    State& state = state_of(info.Env());
    const auto seed = static_cast<uint64_t>(number_of(info[0], "seed"));
    const c10::Device device(info[1].As<Napi::String>().Utf8Value());
    at::Generator made = device.is_cpu() ? at::detail::createCPUGenerator(seed)
                                         : at::globalContext().defaultGenerator(device).clone();
    made.set_current_seed(seed);
    state.generators.push_back(made);
    return Napi::Number::New(info.Env(), static_cast<double>(state.generators.size() - 1));
  });
}

// defaultGenerator(device): the stream of operators that are given none, dropout for example.
Napi::Value default_generator(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    State& state = state_of(info.Env());
    const c10::Device device(info[0].As<Napi::String>().Utf8Value());
    state.generators.push_back(at::globalContext().defaultGenerator(device));
    return Napi::Number::New(info.Env(), static_cast<double>(state.generators.size() - 1));
  });
}

// generatorState(generator): a byte tensor that setGeneratorState takes back.
Napi::Value generator_state(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    State& state = state_of(info.Env());
    return Napi::Number::New(info.Env(),
                             state.tensors.put(generator_of(state, info[0]).get_state()));
  });
}

void set_generator_state(const Napi::CallbackInfo& info) {
  guard(info.Env(), [&] {
    State& state = state_of(info.Env());
    generator_of(state, info[0]).set_state(tensor_of(state, info[1], "state"));
  });
}

}  // namespace

void export_random(Napi::Env env, Napi::Object exports) {
  exports.Set("generator", Napi::Function::New(env, generator, "generator"));
  exports.Set("defaultGenerator", Napi::Function::New(env, default_generator, "defaultGenerator"));
  exports.Set("generatorState", Napi::Function::New(env, generator_state, "generatorState"));
  exports.Set("setGeneratorState",
              Napi::Function::New(env, set_generator_state, "setGeneratorState"));
}

}  // namespace lorashear
