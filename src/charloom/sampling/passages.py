"""A search in one long text for passages and words of short texts, in one compiled pass over the long text.

A passage is a part of a short text without gaps. The passages are the paths of a suffix automaton, so a pass takes
constant time per character of the long text, however many short texts there are. The words are the paths of a trie.

Source: A. Blumer et al., "The smallest automaton recognizing the subwords of a text" (Theoretical Computer Science 40,
1985).
"""

from functools import reduce
from itertools import accumulate

import numpy as np

from charloom.core.base.types import Array
from charloom.core.kernel.cache import compiled

ROOT = 1  # the trie's root, before a word; node 0 means that no word matches


class Passages:
    """A search in a long text for whole words, and for the longest passage of each short text that the long text has.

    Texts and words are arrays of symbols, integers from 0 to S − 1. A word is found only where the long text has no
    letter directly before or after it.
    """

    def __init__(self, texts: list[Array], words: list[Array], letters: Array) -> None:
        """Build the suffix automaton of the texts and the trie of the words.

        letters  (S,) whether a symbol is a letter
        """
        shape = 2 * sum(map(len, texts)) + 1, len(letters)
        self.next = np.zeros(shape, np.int32)  # transitions of the automaton: the state after a symbol; 0 is initial
        self.link = np.zeros(shape[0], np.int32)  # suffix links
        self.length = np.zeros(shape[0], np.int32)  # length of a state's longest passage
        self.states = 1
        # For each text, the state after each of its symbols.
        self.paths = [list(accumulate(text.tolist(), self._extended, initial=0))[1:] for text in texts]
        self.by_length = np.argsort(self.length[: self.states], kind="stable")
        self.longest = np.zeros(self.states, np.int32)  # longest passage of each state that the long text contains
        self.suffixes = self._completed()

        self.letters = letters.astype(np.int32)
        self.trie = np.zeros((2 + sum(map(len, words)), len(letters)), np.int32)
        self.trie[:, ~letters] = ROOT
        self.nodes = 2
        self.ends = [reduce(self._node, word.tolist(), ROOT) for word in words]
        self.seen = np.zeros((self.nodes, 2), np.bool_)  # whether a non-letter (0), a letter (1) came after the node
        self.at = np.array([0, 0, ROOT])  # position of `read`: state, length of the current passage, node

    def _extended(self, last: int, symbol: int) -> int:
        """Add a symbol to the short text whose last state is `last`, and return the state after the symbol.

        This is the step of the suffix automaton's construction.
        """
        if self.next[last, symbol]:
            return self._exact(last, symbol)
        new = self._state(int(self.length[last]) + 1)
        state = self._redirected(last, symbol, 0, new)
        if state >= 0:
            self.link[new] = self._exact(state, symbol)
        return new

    def _exact(self, state: int, symbol: int) -> int:
        """Return the state whose longest passage is the longest passage of `state` plus the symbol.

        If the transition leads to a state that also has longer passages, split that state: a clone gets the shorter
        passages.
        """
        whole = int(self.next[state, symbol])
        if self.length[whole] == self.length[state] + 1:
            return whole
        shorter = self._state(int(self.length[state]) + 1)
        self.next[shorter] = self.next[whole]
        self.link[shorter], self.link[whole] = self.link[whole], shorter
        self._redirected(state, symbol, whole, shorter)
        return shorter

    def _redirected(self, state: int, symbol: int, before: int, to: int) -> int:
        """Change the symbol's transition from the target `before` to the target `to`, in `state` and its suffix links.

        Stop at the first state whose transition does not lead to `before`, and return it; return −1 if all did.
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
        """Add the missing transitions, so that the automaton never has to follow suffix links.

        A state without a transition for a symbol gets the transition of its longest suffix that has one. Return the
        length of that suffix for each state and symbol (states, S): the state's own length if it has the transition,
        −1 if no suffix has one.
        """
        suffixes = np.full((self.states, self.next.shape[1]), -1, np.int32)
        suffixes[0, self.next[0] > 0] = 0
        for state in self.by_length[1:]:
            missing, suffix = self.next[state] == 0, self.link[state]
            suffixes[state] = np.where(missing, suffixes[suffix], self.length[state])
            self.next[state, missing] = self.next[suffix, missing]
        return suffixes

    def _node(self, before: int, symbol: int) -> int:
        """Return the trie's node after `before` and the symbol; create it if it is missing."""
        if not self.trie[before, symbol]:
            self.trie[before, symbol] = self.nodes
            self.nodes += 1
        return int(self.trie[before, symbol])

    def read(self, symbols: Array) -> None:
        """Search the next piece of the long text, given as int32 symbols. Call this for all pieces in order."""
        _read(symbols, self.next, self.suffixes, self.longest, self.letters, self.trie, self.seen, self.at)

    def matches(self) -> tuple[list[tuple[int, int]], list[bool]]:
        """Return a range (start, end) for each short text, and a bool for each word. Call this after the last `read`.

        The range is the place, in the short text, of the longest passage that the long text contains. It is the first
        one of several with equal length, and (0, 0) if there is none. The bool says whether the long text has the word.
        """
        longest, (_, _, node) = self.longest.copy(), self.at
        for state in self.by_length[:0:-1]:  # if a passage was read, so were its suffixes
            if longest[state]:
                longest[self.link[state]] = self.length[self.link[state]]
        for state in self.by_length[1:]:  # passages that end at a text's symbol: the state's own and its suffixes
            longest[state] = max(longest[state], longest[self.link[state]])
        copies = []
        for path in self.paths:
            length = int(max(longest[path], default=0))
            end = int(longest[path].argmax()) + 1 if length else 0
            copies.append((end - length, end))
        occurred = [bool(self.seen[end, 0] or end == node) for end in self.ends]  # the long text may end with a word
        return copies, occurred


@compiled
def _read(
    symbols: Array, next_: Array, suffixes: Array, longest: Array, letters: Array, trie: Array, seen: Array, at: Array
) -> None:
    """Follow the automaton and the trie through the symbols; update longest, seen and `at` in place.

    The arrays are those of Passages. The loop has no branches, because mispredicted branches would dominate its time.
    """
    state, passage, node = at
    for symbol in symbols:
        passage = min(passage, suffixes[state, symbol]) + 1
        state = next_[state, symbol]
        longest[state] = max(longest[state], passage)
        seen[node, letters[symbol]] = True
        node = trie[node, symbol]
    at[0], at[1], at[2] = state, passage, node
