package bustest

import (
	"math"
	"sync"

	"tallyman/internal/bus"
)

// Local is a bus between replicas in one process. The zero value is valid.
type Local struct {
	mu  sync.Mutex
	all map[*replica]struct{}
}

// replica is one end of a Local.
type replica struct {
	local  *Local
	topics bus.Topics
	queue  bus.Queue
	stop   chan struct{}
	ended  chan struct{}
	once   sync.Once
}

// Join returns the bus of one replica.
func (l *Local) Join() bus.Bus {
	r := &replica{local: l, stop: make(chan struct{}), ended: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[*replica]struct{}{}
	}
	l.all[r] = struct{}{}
	go r.deliver()
	return r
}

// Publish implements bus.Bus.
func (r *replica) Publish(m bus.Message) {
	r.local.mu.Lock()
	defer r.local.mu.Unlock()
	if _, ok := r.local.all[r]; !ok {
		return
	}
	for other := range r.local.all {
		if other != r {
			other.queue.Put(m)
		}
	}
}

// Subscribe implements bus.Bus.
func (r *replica) Subscribe(topic string, s bus.Subscriber) (cancel func()) {
	return r.topics.Subscribe(topic, s)
}

// deliver passes the other replicas' messages to the subscribers.
func (r *replica) deliver() {
	defer close(r.ended)
	for {
		select {
		case <-r.stop:
			return
		case <-r.queue.Ready():
		}
		messages, lost := r.queue.Take(math.MaxInt)
		if lost {
			r.topics.Missed()
		}
		for _, m := range messages {
			r.topics.Deliver(m.Topic, m.Payload)
		}
	}
}

// Close implements bus.Bus.
func (r *replica) Close() error {
	r.once.Do(func() {
		r.local.mu.Lock()
		delete(r.local.all, r)
		r.local.mu.Unlock()
		r.queue.Close()
		close(r.stop)
		<-r.ended
	})
	return nil
}
