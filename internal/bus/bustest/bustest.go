// Package bustest defines bus.Bus: an implementation is correct if it passes Run.
package bustest

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"tallyman/internal/bus"
	"tallyman/internal/testing/must"
)

// Opener returns the ends of one bus for the given number of replicas. It fails t if it
// cannot. The caller closes them.
type Opener func(t testing.TB, replicas int) []bus.Bus

// Inbox holds the messages of a subscriber. It is for tests of buses.
type Inbox struct {
	mu       sync.Mutex
	messages [][]byte
	missed   int
	changed  chan struct{}
}

// Subscribe subscribes an inbox to a topic until the test ends.
func Subscribe(t testing.TB, b bus.Bus, topic string) *Inbox {
	in, cancel := subscribe(b, topic)
	t.Cleanup(cancel)
	return in
}

func subscribe(b bus.Bus, topic string) (in *Inbox, cancel func()) {
	in = &Inbox{changed: make(chan struct{}, 1)}
	return in, b.Subscribe(topic, bus.Subscriber{
		Message: func(p []byte) { in.change(func() { in.messages = append(in.messages, p) }) },
		Missed:  func() { in.change(func() { in.missed++ }) },
	})
}

func (in *Inbox) change(f func()) {
	in.mu.Lock()
	defer in.mu.Unlock()
	f()
	select {
	case in.changed <- struct{}{}:
	default:
	}
}

// Len is the number of messages.
func (in *Inbox) Len() int { return len(in.Messages()) }

// Messages returns the messages.
func (in *Inbox) Messages() [][]byte {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.messages
}

// Missed is how often the subscriber was told that messages may have been lost.
func (in *Inbox) Missed() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.missed
}

// Until waits until a condition holds. It checks the condition after each message. Its
// only limit is the -timeout of go test. With -v it logs what it waits for.
func (in *Inbox) Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	t.Logf("waiting until %s", what)
	for !holds() {
		<-in.changed
	}
}

// settle returns when messages of each bus reach all others.
func settle(t testing.TB, all []bus.Bus) {
	t.Helper()
	for i, from := range all {
		var inboxes []*Inbox
		for j, to := range all {
			if i != j {
				inboxes = append(inboxes, Subscribe(t, to, fmt.Sprint("settle ", i)))
			}
		}
		for _, in := range inboxes {
			in.Until(t, "a first message arrives", func() bool {
				if in.Len() > 0 {
					return true
				}
				from.Publish(bus.Message{Topic: fmt.Sprint("settle ", i), Payload: []byte("x")})
				time.Sleep(20 * time.Millisecond)
				in.change(func() {})
				return false
			})
		}
	}
}

// Run runs the suite.
func Run(t *testing.T, open Opener) {
	start := func(t *testing.T, n int) []bus.Bus {
		all := open(t, n)
		t.Cleanup(func() {
			for _, b := range all {
				b.Close()
			}
		})
		settle(t, all)
		return all
	}
	t.Run("messages reach the subscribers of their topic on all other replicas, in order and unharmed", func(t *testing.T) {
		all := start(t, 3)
		topic := "acme\x00../x"
		mine, here, there := Subscribe(t, all[0], topic), Subscribe(t, all[1], topic), Subscribe(t, all[2], topic)
		second := Subscribe(t, all[2], topic)
		other := Subscribe(t, all[1], "acme\x00../X")
		var want [][]byte
		for i := range 200 {
			p := []byte(fmt.Sprintf("%d \x00\xff\n' \u202e%s", i, bytes.Repeat([]byte("x"), i*20)))
			want = append(want, p)
			all[0].Publish(bus.Message{Topic: topic, Payload: p})
		}
		want = append(want, bytes.Repeat([]byte{0xfe}, bus.MaxPayload))
		all[0].Publish(bus.Message{Topic: topic, Payload: want[len(want)-1]})
		for _, in := range []*Inbox{here, there, second} {
			in.Until(t, "all messages arrive", func() bool { return in.Len() >= len(want) })
			for i, p := range in.Messages() {
				if !bytes.Equal(p, want[i]) {
					t.Fatalf("message %d is %.40q, want %.40q", i, p, want[i])
				}
			}
		}
		if mine.Len()+other.Len() > 0 {
			t.Errorf("%d messages came back, %d came under another topic", mine.Len(), other.Len())
		}
	})
	t.Run("equal messages are delivered separately", func(t *testing.T) {
		all := start(t, 2)
		in := Subscribe(t, all[1], "x")
		for range 10 {
			all[0].Publish(bus.Message{Topic: "x", Payload: []byte("same")})
		}
		in.Until(t, "all messages arrive", func() bool { return in.Len() == 10 })
	})
	t.Run("the last of several passing messages arrives", func(t *testing.T) {
		all := start(t, 2)
		in := Subscribe(t, all[1], "x")
		for i := range 10_000 {
			all[0].Publish(bus.Message{Topic: "x", Payload: fmt.Appendf(nil, "%04d", i), Passing: true})
		}
		in.Until(t, "the last one arrives", func() bool {
			m := in.Messages()
			return len(m) > 0 && string(m[len(m)-1]) == "9999"
		})
		for i, m := 1, in.Messages(); i < len(m); i++ {
			if string(m[i-1]) >= string(m[i]) {
				t.Errorf("%s comes after %s", m[i], m[i-1])
			}
		}
	})
	t.Run("a cancelled subscriber gets no more messages, and a message that is too large is not delivered", func(t *testing.T) {
		all := start(t, 2)
		in, cancel := subscribe(all[1], "x")
		stays := Subscribe(t, all[1], "x")
		all[0].Publish(bus.Message{Topic: "x", Payload: []byte("1")})
		in.Until(t, "the first one arrives", func() bool { return in.Len() == 1 })
		stays.Until(t, "the first one arrives", func() bool { return stays.Len() == 1 })
		cancel()
		all[0].Publish(bus.Message{Topic: "x", Payload: make([]byte, bus.MaxPayload+1)})
		all[0].Publish(bus.Message{Topic: "x", Payload: []byte("2")})
		stays.Until(t, "the second one arrives", func() bool { return stays.Len() == 2 })
		if in.Len() != 1 || string(stays.Messages()[1]) != "2" {
			t.Errorf("the cancelled subscriber has %d messages, the other %q", in.Len(), stays.Messages()[1])
		}
	})
	t.Run("a closed bus delivers nothing, and the others continue", func(t *testing.T) {
		all := start(t, 3)
		closed, open := Subscribe(t, all[1], "x"), Subscribe(t, all[2], "x")
		for range 2 {
			must.OK(t, all[1].Close())
		}
		all[1].Publish(bus.Message{Topic: "x", Payload: []byte("closed")})
		all[0].Publish(bus.Message{Topic: "x", Payload: []byte("open")})
		open.Until(t, "the message arrives", func() bool { return open.Len() > 0 })
		if string(open.Messages()[0]) != "open" || closed.Len() > 0 {
			t.Errorf("the open one got %q, the closed one %d messages", open.Messages()[0], closed.Len())
		}
	})
}
