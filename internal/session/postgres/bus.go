package postgres

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"log/slog"
	mathrand "math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"tallyman/internal/blob"
	"tallyman/internal/bus"
	"tallyman/internal/fault"
)

// Bus is a bus.Bus over LISTEN and NOTIFY. It listens on one connection of its own,
// and borrows one of the store's to publish a batch of messages.
//
// All messages of a database use one channel, which everybody with access to the database
// can read. Payloads are sent as they are; topics are replaced by a hash whose key is in
// the schema only.
//
// When its connection breaks, the bus reconnects, with a pause between attempts that
// grows to a few seconds. Subscribers are then told that they may have missed messages.
type Bus struct {
	store  *Store
	key    []byte
	sender string
	log    *slog.Logger

	topics bus.Topics
	queue  bus.Queue

	cancel context.CancelFunc
	ended  sync.WaitGroup
}

var _ bus.Bus = (*Bus)(nil)

const (
	channel = "tallyman"
	// wireVersion begins every notification. Notifications of another version are
	// ignored, so that old and new programs can share the channel.
	wireVersion = "1"
	// busStep bounds how many messages are published in one transaction.
	busStep = 100
	// busPause is how long messages are gathered before the next transaction:
	// PostgreSQL commits notifying transactions one after the other.
	busPause = 20 * time.Millisecond
	// busIdle is how long the connection may be silent before it is probed.
	busIdle = 15 * time.Second
	// busBackoff bounds the pause before a broken connection is opened again.
	busBackoff = 5 * time.Second
)

// Bus returns a new end of the bus between all programs on the database. Close it
// before the store. It works as soon as it can reach the database; ctx bounds only
// the query for its key.
func (s *Store) Bus(ctx context.Context) (*Bus, error) {
	key, err := s.Secret(ctx, "bus")
	if err != nil {
		return nil, err
	}
	id := make([]byte, 8)
	rand.Read(id)
	running, cancel := context.WithCancel(context.Background())
	b := &Bus{store: s, key: key, sender: hex.EncodeToString(id), log: s.log, cancel: cancel}
	b.ended.Go(func() { b.listen(running) })
	b.ended.Go(func() { b.publish(running) })
	return b, nil
}

// hidden returns the hash that replaces a topic outside the process.
func (b *Bus) hidden(topic string) string {
	h := hmac.New(sha256.New, b.key)
	h.Write([]byte(topic))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

// Publish implements bus.Bus.
func (b *Bus) Publish(m bus.Message) { b.queue.Put(m) }

// Subscribe implements bus.Bus.
func (b *Bus) Subscribe(topic string, s bus.Subscriber) (cancel func()) {
	return b.topics.Subscribe(b.hidden(topic), s)
}

// Close implements bus.Bus. Messages that are still in the queue are lost.
func (b *Bus) Close() error {
	b.queue.Close()
	b.cancel()
	b.ended.Wait()
	return nil
}

// publish sends the messages in the queue. If that fails they are lost, and the
// subscribers are told so as soon as possible.
func (b *Bus) publish(ctx context.Context) {
	sequence := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.queue.Ready():
		}
		messages, lost := b.queue.Take(busStep)
		var lines []string
		line := func(what string) {
			// The number makes each line different: PostgreSQL delivers equal
			// notifications of one transaction once.
			sequence++
			lines = append(lines, strings.Join([]string{wireVersion, b.sender, strconv.Itoa(sequence), what}, " "))
		}
		if lost {
			line("")
		}
		for _, m := range messages {
			line(b.hidden(m.Topic) + " " + base64.RawStdEncoding.EncodeToString(m.Payload))
		}
		rest := busPause
		if len(lines) > 0 {
			if err := b.notify(ctx, lines); err != nil {
				if ctx.Err() == nil {
					b.log.Warn("events could not be sent to other replicas", "error", err, "messages", len(messages))
				}
				b.queue.Lose()
				rest = time.Second
			}
		}
		if fault.Pause(ctx, rest) != nil {
			return
		}
	}
}

// notify sends lines in one transaction, which need not be durable.
func (b *Bus) notify(ctx context.Context, lines []string) error {
	return b.store.run(ctx, call{
		what:  "send events to other replicas",
		again: true, // delivering twice is harmless
		sql:   `SELECT set_config('synchronous_commit', 'off', true), (SELECT count(pg_notify($1, l)) FROM unnest($2::text[]) l)`,
		args:  func() []any { return []any{channel, lines} },
		scan: func(rows pgx.Rows) error {
			rows.Close()
			return nil
		},
	})
}

// listen delivers the messages of other programs, and reconnects whenever listening
// ends.
func (b *Bus) listen(ctx context.Context) {
	wait := 50 * time.Millisecond
	for ctx.Err() == nil {
		listened, err := b.listenOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		if listened {
			wait = 50 * time.Millisecond
		}
		b.log.Warn("the connection for events of other replicas broke; trying again", "error", err, "after", wait)
		if fault.Pause(ctx, wait/2+mathrand.N(wait)) != nil {
			return
		}
		wait = min(2*wait, busBackoff)
	}
}

// listenOnce delivers until the connection breaks. listened is true if listening
// began.
func (b *Bus) listenOnce(ctx context.Context) (listened bool, err error) {
	soon, cancel := context.WithTimeout(ctx, 2*b.store.limits.connect)
	defer cancel()
	conn, err := b.store.connect(soon)
	if err != nil {
		return false, err
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		conn.Close(ending)
	}()
	if _, err := conn.Exec(soon, "LISTEN "+channel); err != nil {
		return false, err
	}
	b.topics.Missed() // messages sent until now are lost
	for {
		silent, cancel := context.WithTimeout(ctx, busIdle)
		n, err := conn.WaitForNotification(silent)
		cancel()
		switch {
		case err == nil:
			b.receive(n.Payload)
		case ctx.Err() != nil:
			return true, ctx.Err()
		case silent.Err() == nil:
			return true, err
		default:
			// Either there was no message, or the connection broke unnoticed.
			alive, cancel := context.WithTimeout(ctx, b.store.limits.acquire)
			err := conn.Ping(alive)
			cancel()
			if err != nil {
				return true, err
			}
		}
	}
}

// receive delivers one notification. Anybody can send on the channel, so malformed
// notifications are ignored.
func (b *Bus) receive(text string) {
	f := strings.Split(text, " ")
	if len(f) < 4 || f[0] != wireVersion || f[1] == b.sender {
		return
	}
	if f[3] == "" {
		b.topics.Missed()
		return
	}
	if len(f) != 5 {
		return
	}
	payload, err := base64.RawStdEncoding.DecodeString(f[4])
	if err != nil || len(payload) > bus.MaxPayload {
		return
	}
	b.topics.Deliver(f[3], payload)
}

// scanSecret keeps the returned value, nil if there is none.
func scanSecret(secret *[]byte) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		*secret = nil
		for rows.Next() {
			if err := rows.Scan(secret); err != nil {
				return err
			}
		}
		return nil
	}
}

// Secret returns the 32 random bytes that all programs on the database share under a
// name, and draws them if there are none. To replace a secret, delete its row in
// tallyman.secret and restart all programs.
func (s *Store) Secret(ctx context.Context, name string) ([]byte, error) {
	if name == "" {
		return nil, fault.New(fault.BadRequest, "a secret needs a name")
	}
	drawn := make([]byte, 32)
	rand.Read(drawn)
	for try := 0; ; try++ {
		var secret []byte
		err := s.run(ctx, call{
			what:  "read a shared secret",
			again: true,
			sql: `WITH made AS (INSERT INTO tallyman.secret (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING value)
				SELECT value FROM made UNION ALL SELECT value FROM tallyman.secret WHERE name = $1`,
			args: func() []any { return []any{name, drawn} },
			scan: scanSecret(&secret),
		})
		// No row is returned if another program inserted one at the same moment.
		if err != nil || secret != nil {
			return secret, err
		}
		if try == 10 {
			return nil, blob.Unavailable("read a shared secret", "", nil)
		}
	}
}
