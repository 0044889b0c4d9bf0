package bus_test

import (
	"fmt"
	"slices"
	"testing"

	"tallyman/internal/bus"
)

// texts takes all messages of a queue.
func texts(q *bus.Queue, most int) (all []string, lost bool) {
	m, lost := q.Take(most)
	for _, m := range m {
		all = append(all, m.Topic+string(m.Payload))
	}
	return all, lost
}

func TestQueueDropsOutdatedMessages(t *testing.T) {
	var q bus.Queue
	put := func(topic, text string, passing bool) {
		q.Put(bus.Message{Topic: topic, Payload: []byte(text), Passing: passing})
	}
	put("a", "1", true)
	put("b", "1", true)
	put("a", "2", true)
	put("a", "end", false)
	put("a", "3", true)
	put("a", "4", true)
	want := []string{"a2", "b1", "aend", "a4"}
	if got, lost := texts(&q, 3); lost || !slices.Equal(got, want[:3]) {
		t.Errorf("took %q, lost %v; want %q", got, lost, want[:3])
	}
	select {
	case <-q.Ready():
	default:
		t.Error("the queue does not say that there is more")
	}
	if got, lost := texts(&q, 3); lost || !slices.Equal(got, want[3:]) {
		t.Errorf("took %q, lost %v; want %q", got, lost, want[3:])
	}
}

func TestQueueIsBoundedAndReportsLosses(t *testing.T) {
	var q bus.Queue
	put := func(i int, passing bool) {
		q.Put(bus.Message{Topic: fmt.Sprint(i), Payload: []byte("x"), Passing: passing})
	}
	for i := range 5000 {
		put(i, true)
	}
	for i := range 500 {
		put(i, false) // these replace passing messages
	}
	got, lost := texts(&q, 10_000)
	if lost || len(got) > 1024 || !slices.Equal(got[len(got)-500:], numbered(500)) {
		t.Errorf("took %d messages, lost %v", len(got), lost)
	}
	for i := range 5000 {
		put(i, false)
	}
	if got, lost := texts(&q, 10_000); !lost || !slices.Equal(got, numbered(1024)) {
		t.Errorf("took %d messages, lost %v; want the first 1024, and that some were lost", len(got), lost)
	}
	if _, lost := texts(&q, 1); lost {
		t.Error("a loss is reported twice")
	}
	q.Lose()
	if _, lost := texts(&q, 1); !lost {
		t.Error("a loss is not reported")
	}
	q.Put(bus.Message{Payload: make([]byte, bus.MaxPayload+1)})
	q.Close()
	put(1, false)
	if got, lost := texts(&q, 1); len(got) > 0 || lost {
		t.Errorf("a queue that is closed, or a message that is too large: %q, %v", got, lost)
	}
}

func numbered(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint(i, "x"))
	}
	return all
}
