// Time one update of oneDNN's vanilla RNN in float32: forward, backward, and AdaGrad on W and U; no output layer.
//
//     g++ -O3 -march=native benchmarks/with_onednn.cpp -ldnnl -o with_onednn      Debian: libdnnl-dev
//     taskset -c 1 env OMP_NUM_THREADS=1 ./with_onednn UPDATES M K SEQ_LENGTH BATCH
//
// It prints microseconds of CPU time. charloom's update also has the output layer, the loss, and the steps of V, b and c.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

using namespace dnnl;
using tag = memory::format_tag;

static memory::desc of(memory::dims dims, tag layout) { return {dims, memory::data_type::f32, layout}; }

int main(int, char **given) {
    const int updates = atoi(given[1]), m = atoi(given[2]), K = atoi(given[3]), T = atoi(given[4]), n = atoi(given[5]);
    engine cpu(engine::kind::cpu, 0);
    stream queue(cpu);
    const auto x = of({T, n, K}, tag::tnc), h0 = of({1, 1, n, m}, tag::ldnc), b = of({1, 1, 1, m}, tag::ldgo);
    const auto h = of({T, n, m}, tag::tnc);
    const auto U = of({1, 1, K, 1, m}, tag::ldigo), W = of({1, 1, m, 1, m}, tag::ldigo);  // as AdaGrad changes them
    const auto any_U = of({1, 1, K, 1, m}, tag::any), any_W = of({1, 1, m, 1, m}, tag::any);
    const auto tanh_ = algorithm::eltwise_tanh;
    const auto direction = rnn_direction::unidirectional_left2right;
    vanilla_rnn_forward::primitive_desc fd(
        cpu, prop_kind::forward_training, tanh_, direction, x, h0, any_U, any_W, b, h, h0);
    vanilla_rnn_backward::primitive_desc bd(cpu, prop_kind::backward, tanh_, direction, x, h0, any_U, any_W, b, h, h0, x,
        h0, any_U, any_W, b, h, h0, fd);
    std::mt19937 random(1);
    std::normal_distribution<float> normal(0, 0.01f);
    auto filled = [&](const memory::desc &desc, bool drawn) {
        memory made(desc, cpu);
        auto *values = static_cast<float *>(made.get_data_handle());
        for (size_t i = 0; i < desc.get_size() / sizeof(float); i++) values[i] = drawn ? normal(random) : 0;
        return made;
    };
    memory theta[2] = {filled(U, true), filled(W, true)}, sums[2] = {filled(U, false), filled(W, false)};
    memory gradient[2] = {filled(U, false), filled(W, false)};
    memory forward[2] = {memory(fd.weights_layer_desc(), cpu), memory(fd.weights_iter_desc(), cpu)};
    memory backward[2] = {memory(bd.weights_layer_desc(), cpu), memory(bd.weights_iter_desc(), cpu)};
    memory changed[2] = {filled(bd.diff_weights_layer_desc(), false), filled(bd.diff_weights_iter_desc(), false)};
    memory src = filled(x, false), before = filled(h0, false), bias = filled(b, true), dst = filled(h, false);
    memory after = filled(h0, false), space(fd.workspace_desc(), cpu), dx = filled(x, false), dh0 = filled(h0, false);
    memory db = filled(b, false), dh = filled(h, true), dafter = filled(h0, false);
    auto *ids = static_cast<float *>(src.get_data_handle());
    for (int row = 0; row < T * n; row++) ids[row * K + random() % K] = 1;  // one-hot characters
    vanilla_rnn_forward run(fd);
    vanilla_rnn_backward back(bd);
    double started = 0;
    for (int update = -2; update < updates; update++) {  // two updates are not timed
        if (update == 0) started = double(clock());
        for (int i = 0; i < 2; i++) {
            reorder(theta[i], forward[i]).execute(queue, theta[i], forward[i]);
            reorder(theta[i], backward[i]).execute(queue, theta[i], backward[i]);
            auto *zero = static_cast<float *>(changed[i].get_data_handle());  // oneDNN adds to these
            std::fill(zero, zero + changed[i].get_desc().get_size() / sizeof(float), 0.0f);
        }
        std::fill_n(static_cast<float *>(db.get_data_handle()), m, 0.0f);
        run.execute(queue, {{DNNL_ARG_SRC_LAYER, src}, {DNNL_ARG_SRC_ITER, before}, {DNNL_ARG_WEIGHTS_LAYER, forward[0]},
            {DNNL_ARG_WEIGHTS_ITER, forward[1]}, {DNNL_ARG_BIAS, bias}, {DNNL_ARG_DST_LAYER, dst},
            {DNNL_ARG_DST_ITER, after}, {DNNL_ARG_WORKSPACE, space}});
        back.execute(queue, {{DNNL_ARG_SRC_LAYER, src}, {DNNL_ARG_SRC_ITER, before}, {DNNL_ARG_WEIGHTS_LAYER, backward[0]},
            {DNNL_ARG_WEIGHTS_ITER, backward[1]}, {DNNL_ARG_BIAS, bias}, {DNNL_ARG_DST_LAYER, dst},
            {DNNL_ARG_DST_ITER, after}, {DNNL_ARG_WORKSPACE, space}, {DNNL_ARG_DIFF_SRC_LAYER, dx},
            {DNNL_ARG_DIFF_SRC_ITER, dh0}, {DNNL_ARG_DIFF_WEIGHTS_LAYER, changed[0]},
            {DNNL_ARG_DIFF_WEIGHTS_ITER, changed[1]}, {DNNL_ARG_DIFF_BIAS, db}, {DNNL_ARG_DIFF_DST_LAYER, dh},
            {DNNL_ARG_DIFF_DST_ITER, dafter}});
        for (int i = 0; i < 2; i++) {
            reorder(changed[i], gradient[i]).execute(queue, changed[i], gradient[i]);
            queue.wait();
            auto *w = static_cast<float *>(theta[i].get_data_handle()), *s = static_cast<float *>(sums[i].get_data_handle());
            auto *g = static_cast<float *>(gradient[i].get_data_handle());
            const size_t size = theta[i].get_desc().get_size() / sizeof(float);
            for (size_t j = 0; j < size; j++) s[j] += g[j] * g[j], w[j] -= 0.1f * g[j] / std::sqrt(s[j] + 2.2e-16f);
        }
    }
    printf("{\"microseconds\": %.1f, \"loss\": %g}\n", (clock() - started) / CLOCKS_PER_SEC * 1e6 / updates,
        static_cast<float *>(dst.get_data_handle())[0]);
}
