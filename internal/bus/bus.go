// Package bus carries events of one process to the others that serve the same
// sessions ("replicas"), so that a client of one replica sees the progress of
// another.
//
// Delivery is not guaranteed: nothing may depend on the arrival of a message.
// Subscribers are told when messages may have been missed, and then ask the store.
package bus

import (
	"maps"
	"slices"
	"sync"
)

// MaxPayload is the largest payload in bytes. Larger ones are dropped.
const MaxPayload = 4096

// Message is an event.
type Message struct {
	// Topic is the subject of the message. It stays secret: outside the process a
	// keyed hash replaces it.
	Topic   string
	Payload []byte
	// Passing is true if a later message of the topic replaces this one, as with
	// progress. The bus may then drop it.
	Passing bool
}

// Bus carries messages. It is safe for concurrent use.
type Bus interface {
	// Publish sends a message to subscribers of its topic in the other replicas, not in
	// this one. It never waits and cannot fail: when there is no room, messages are
	// dropped, passing ones first. The payload must not be changed afterwards.
	Publish(Message)

	// Subscribe delivers messages of a topic from now on until cancel is called, in
	// the order in which each replica published them. A message under way may still
	// arrive just after cancel.
	Subscribe(topic string, s Subscriber) (cancel func())

	// Close ends the bus. Nothing is delivered after it returns, and Publish has no
	// effect.
	Close() error
}

// Subscriber receives messages. Its functions are called one at a time and must
// return soon; they may be called before Subscribe returns.
type Subscriber struct {
	// Message receives a payload.
	Message func(payload []byte)
	// Missed is called when messages may have been lost.
	Missed func()
}

// Topics holds the subscribers of a Bus. Implementations of Bus use it. The zero
// value is valid.
type Topics struct {
	mu sync.Mutex
	m  map[string]map[*Subscriber]struct{}
}

// Subscribe adds a subscriber to a topic.
func (t *Topics) Subscribe(topic string, s Subscriber) (cancel func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.m == nil {
		t.m = map[string]map[*Subscriber]struct{}{}
	}
	if t.m[topic] == nil {
		t.m[topic] = map[*Subscriber]struct{}{}
	}
	t.m[topic][&s] = struct{}{}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.m[topic], &s)
		if len(t.m[topic]) == 0 {
			delete(t.m, topic)
		}
	}
}

// Deliver passes a payload to the subscribers of a topic.
func (t *Topics) Deliver(topic string, payload []byte) {
	t.mu.Lock()
	to := slices.Collect(maps.Keys(t.m[topic]))
	t.mu.Unlock()
	for _, s := range to {
		s.Message(payload)
	}
}

// Missed tells all subscribers that messages may have been lost.
func (t *Topics) Missed() {
	t.mu.Lock()
	var to []*Subscriber
	for _, all := range t.m {
		to = slices.AppendSeq(to, maps.Keys(all))
	}
	t.mu.Unlock()
	for _, s := range to {
		s.Missed()
	}
}

// Queue holds messages until they are sent. It is bounded, and adding a message never
// waits. The zero value is valid.
type Queue struct {
	mu       sync.Mutex
	messages []Message
	lost     bool
	closed   bool
	wake     chan struct{}
}

// queueMost bounds the number of waiting messages.
const queueMost = 1024

// Put adds a message. A passing message replaces a passing message of its topic that is
// directly before it. When the queue is full, waiting passing messages are dropped first,
// then the new message.
func (q *Queue) Put(m Message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(m.Payload) > MaxPayload {
		return
	}
	defer q.signal()
	if m.Passing {
		for i := len(q.messages) - 1; i >= 0; i-- {
			if q.messages[i].Topic == m.Topic {
				if q.messages[i].Passing {
					q.messages[i] = m
					return
				}
				break
			}
		}
	}
	if len(q.messages) >= queueMost {
		if m.Passing {
			return
		}
		q.messages = slices.DeleteFunc(q.messages, func(old Message) bool { return old.Passing })
	}
	if len(q.messages) >= queueMost {
		q.lost = true
		return
	}
	q.messages = append(q.messages, m)
}

// Lose notes that messages taken from the queue did not arrive.
func (q *Queue) Lose() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lost = true
	q.signal()
}

// Ready receives when there may be something to take.
func (q *Queue) Ready() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.channel()
}

// Take takes up to most messages, and reports whether some were lost before them.
func (q *Queue) Take(most int) (m []Message, lost bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(most, len(q.messages))
	m = append(m, q.messages[:n]...)
	q.messages = append(q.messages[:0], q.messages[n:]...)
	lost, q.lost = q.lost, false
	if len(q.messages) > 0 {
		q.signal()
	}
	return m, lost
}

// Close makes the queue refuse further messages.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}

func (q *Queue) channel() chan struct{} {
	if q.wake == nil {
		q.wake = make(chan struct{}, 1)
	}
	return q.wake
}

func (q *Queue) signal() {
	select {
	case q.channel() <- struct{}{}:
	default:
	}
}
