package bustest_test

import (
	"sync"
	"testing"

	"tallyman/internal/bus"
	"tallyman/internal/bus/bustest"
)

func TestLocalKeepsTheRules(t *testing.T) {
	bustest.Run(t, func(t testing.TB, n int) []bus.Bus {
		var local bustest.Local
		var all []bus.Bus
		for range n {
			all = append(all, local.Join())
		}
		return all
	})
}

// A replica that does not keep up does not delay the others, and is told that it
// missed messages.
func TestASlowSubscriberIsToldThatItMissedMessages(t *testing.T) {
	var local bustest.Local
	from, to := local.Join(), local.Join()
	defer from.Close()
	defer to.Close()
	started, release, missed := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var once, twice sync.Once
	to.Subscribe("x", bus.Subscriber{
		Message: func([]byte) { once.Do(func() { close(started); <-release }) },
		Missed:  func() { twice.Do(func() { close(missed) }) },
	})
	from.Publish(bus.Message{Topic: "x"})
	<-started
	for range 3000 {
		from.Publish(bus.Message{Topic: "x"})
	}
	close(release)
	<-missed
}
