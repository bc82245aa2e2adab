"""Which passages and words of short texts stand in a long one: all found in one compiled pass over the long one.

The passages of the short texts are the paths of a suffix automaton. Following it through the long text takes a step or
two a character, however many short texts there are. Their words are the paths of a trie.

Source: A. Blumer et al., "The smallest automaton recognizing the subwords of a text" (Theoretical Computer Science 40,
1985).
"""

from functools import reduce
from itertools import accumulate

import numpy as np

from charloom.base.types import Array
from charloom.kernel.cache import compiled

ROOT = 1  # of the trie: the node before a word; 0 is on no word's way


class Passages:
    """Short texts, each an array of symbols below S, that are looked for in a long one.

    letters (S,) says which symbols are letters. A word is a run of letters, as long as it is.
    """

    def __init__(self, texts: list[Array], words: list[Array], letters: Array) -> None:
        """Take the texts and the words to look for, each an array of symbols."""
        shape = 2 * sum(map(len, texts)) + 1, len(letters)
        self.next = np.zeros(shape, np.int32)  # the state after one more symbol; 0 is the state before any
        self.link = np.zeros(shape[0], np.int32)  # the state of the longest suffix that has another one
        self.length = np.zeros(shape[0], np.int32)  # of a state's longest passage
        self.states = 1
        # Of each text, the state after each character.
        self.ways = [list(accumulate(text.tolist(), self._extended, initial=0))[1:] for text in texts]
        self.by_length = np.argsort(self.length[: self.states], kind="stable")
        self.longest = np.zeros(self.states, np.int32)  # passage of each state that was read
        self.kept = self._completed()

        self.letters = letters.astype(np.int32)
        self.trie = np.zeros((2 + sum(map(len, words)), len(letters)), np.int32)
        self.trie[:, ~letters] = ROOT
        self.nodes = 2
        self.ends = [reduce(self._node, word.tolist(), ROOT) for word in words]
        self.seen = np.zeros((self.nodes, 2), np.bool_)  # whether a symbol came after the node: another one, a letter
        self.at = np.array([0, 0, ROOT])  # the state, the length of the passage that was read last, the node

    def _extended(self, last: int, symbol: int) -> int:
        """Return the state of the passage of the state `last` and one more symbol."""
        if self.next[last, symbol]:
            return self._exact(last, symbol)
        new = self._state(int(self.length[last]) + 1)
        state = self._led(last, symbol, 0, new)
        if state >= 0:
            self.link[new] = self._exact(state, symbol)
        return new

    def _exact(self, state: int, symbol: int) -> int:
        """Return the state of the state's longest passage and the symbol: a new one where longer passages share it."""
        whole = int(self.next[state, symbol])
        if self.length[whole] == self.length[state] + 1:
            return whole
        shorter = self._state(int(self.length[state]) + 1)
        self.next[shorter] = self.next[whole]
        self.link[shorter], self.link[whole] = self.link[whole], shorter
        self._led(state, symbol, whole, shorter)
        return shorter

    def _led(self, state: int, symbol: int, before: int, to: int) -> int:
        """Let the symbol lead to `to` from the state and its suffixes, as far as it leads to `before`.

        Return the first from which it does not; −1 where it does from all.
        """
        while state >= 0 and self.next[state, symbol] == before:
            self.next[state, symbol] = to
            state = int(self.link[state]) if state else -1
        return state

    def _state(self, length: int) -> int:
        self.length[self.states] = length
        self.states += 1
        return self.states - 1

    def _completed(self) -> Array:
        """Give each state a next one for each symbol: that of its longest suffix that has one.

        Return the length of that suffix (states, S); −1 where there is none.
        """
        kept = np.full((self.states, self.next.shape[1]), -1, np.int32)
        kept[0, self.next[0] > 0] = 0
        for state in self.by_length[1:]:
            none, suffix = self.next[state] == 0, self.link[state]
            kept[state] = np.where(none, kept[suffix], self.length[state])
            self.next[state, none] = self.next[suffix, none]
        return kept

    def _node(self, before: int, symbol: int) -> int:
        """Return the node that the symbol leads to from the one before."""
        if not self.trie[before, symbol]:
            self.trie[before, symbol] = self.nodes
            self.nodes += 1
        return int(self.trie[before, symbol])

    def read(self, symbols: Array) -> None:
        """Go on reading the long text: its next symbols, int32."""
        _read(symbols, self.next, self.kept, self.longest, self.letters, self.trie, self.seen, self.at)

    def found(self) -> tuple[list[tuple[int, int]], list[bool]]:
        """Return of each text where the longest passage that was read starts and ends, and whether each word was read.

        Of several that are as long it is the first.
        """
        longest, (_, _, node) = self.longest.copy(), self.at
        for state in self.by_length[:0:-1]:  # whose passage was read, its suffixes were too
            if longest[state]:
                longest[self.link[state]] = self.length[self.link[state]]
        for state in self.by_length[1:]:  # what ends with a text's character: a state's passages and their suffixes
            longest[state] = max(longest[state], longest[self.link[state]])
        copies = []
        for way in self.ways:
            length = int(max(longest[way], default=0))
            end = int(longest[way].argmax()) + 1 if length else 0
            copies.append((end - length, end))
        was_read = [bool(self.seen[end, 0] or end == node) for end in self.ends]  # the long text may end with a word
        return copies, was_read


@compiled
def _read(
    symbols: Array, following: Array, kept: Array, longest: Array, letters: Array, trie: Array, seen: Array, at: Array
) -> None:
    """No branches: which one is taken would be a guess, and a wrong one costs more than all the rest."""
    state, passage, node = at
    for symbol in symbols:
        passage = min(passage, kept[state, symbol]) + 1
        state = following[state, symbol]
        longest[state] = max(longest[state], passage)
        seen[node, letters[symbol]] = True
        node = trie[node, symbol]
    at[0], at[1], at[2] = state, passage, node
