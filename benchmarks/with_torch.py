"""Time one update with PyTorch: nn.RNN, nn.Linear, cross entropy and torch.optim.Adagrad."""

import sys

import torch
from text import CLIP, EPSILON, ETA, SEQ_LENGTH, now, problem, report


def main(dtype: str, updates: int, m: int, K: int, seq_length: int = SEQ_LENGTH) -> None:
    """Train and print microseconds of CPU time per update. Unlike charloom, torch adds epsilon outside the root."""
    torch.set_num_threads(1)
    torch.set_default_dtype(getattr(torch, dtype))
    ids, W, U, V, _, _ = problem(m, K, dtype, updates, seq_length)
    text = torch.from_numpy(ids)
    rnn, output, embed = torch.nn.RNN(m, m), torch.nn.Linear(m, K), torch.nn.Embedding(K, m)
    with torch.no_grad():
        # U's columns are gathered by index. nn.RNN's own input product would multiply U by one-hot vectors.
        for target, source in ((rnn.weight_hh_l0, W), (output.weight, V), (embed.weight, U.T.copy())):
            target.copy_(torch.from_numpy(source))
        rnn.weight_ih_l0.copy_(torch.eye(m))
        for bias in (rnn.bias_ih_l0, rnn.bias_hh_l0, output.bias):
            bias.zero_()
    rnn.weight_ih_l0.requires_grad_(False)
    rnn.bias_ih_l0.requires_grad_(False)
    parameters = [p for module in (rnn, output, embed) for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.Adagrad(parameters, lr=ETA, eps=EPSILON)
    h = torch.zeros(1, m)
    started = now()
    for update in range(updates):
        e = update * seq_length
        optimizer.zero_grad()
        states, h = rnn(embed(text[e : e + seq_length]), h.detach())
        target = text[e + 1 : e + seq_length + 1]
        loss = torch.nn.functional.cross_entropy(output(states), target, reduction="sum")
        loss.backward()
        torch.nn.utils.clip_grad_value_(parameters, CLIP)
        optimizer.step()
    report(started, updates, loss.item())


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
