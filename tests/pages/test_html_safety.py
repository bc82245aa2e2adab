"""What a strange text could do to a page, and may not."""

from charloom.pages.samples_page import samples_page
from charloom.results.records import BEST_MODEL, SampleMetrics, SampleQuality, SampleTable


def test_a_text_cannot_act_as_html():
    table = SampleTable(data=[(BEST_MODEL, "<script>alert('1')</script> & \x1b]0;\u202e", 7, 1.5)])
    best = SampleQuality(known_words=0.5, longest_copy=3)
    page = samples_page(table, SampleMetrics(checkpoints={}, best=best))
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt; &amp;" in page
    assert not {"\x1b", "\u202e"} & set(page)
