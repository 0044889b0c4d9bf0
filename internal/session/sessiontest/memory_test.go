package sessiontest

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/session"
)

// memory is the simplest store that passes the suite: a map under a lock. "The disk"
// is what survives Close. broken names the rule that it breaks, to show that the
// suite finds it.
type memory struct {
	settings session.Settings
	broken   string
	disk     *memoryDisk

	mu     sync.Mutex
	at     time.Time
	rows   map[session.Key]session.State
	own    map[session.Owner]session.Profile
	closed bool
	count  map[session.Key]byte // for counted incarnations
	cached map[session.Key]session.State
	locks  map[session.Key]bool
	// hooks keeps the documents of webhooks; its sessions are not used.
	hooks *memory
}

type memoryDisk struct {
	rows map[session.Key]session.State
	own  map[session.Owner]session.Profile
}

var memoryDisks sync.Map

func openMemory(broken string) Opener {
	one := func(place string, settings session.Settings) *memory {
		d, _ := memoryDisks.LoadOrStore(place, &memoryDisk{rows: map[session.Key]session.State{}, own: map[session.Owner]session.Profile{}})
		m := &memory{settings: settings, broken: broken, disk: d.(*memoryDisk), rows: map[session.Key]session.State{},
			count: map[session.Key]byte{}, cached: map[session.Key]session.State{}, locks: map[session.Key]bool{}}
		for k, st := range m.disk.rows {
			m.rows[k] = st
		}
		m.own = maps.Clone(m.disk.own)
		return m
	}
	return func(t testing.TB, place string, settings session.Settings) session.Store {
		m := one(place, settings)
		m.hooks = one(place+" webhooks", settings)
		return m
	}
}

func (m *memory) Webhooks() session.Profiles { return m.hooks }

// now is the time of the operation under way. Each operation reads the clock once. With
// two readings it could find a session alive and then record a use after the session's
// end.
func (m *memory) now() time.Time { return m.at }

func (m *memory) life(st session.State) time.Duration {
	if m.broken == "cookies live as long as others" {
		return m.settings.Lives.Of(session.Named)
	}
	return m.settings.Lives.Of(st.Kind)
}

// ready makes the checks of every operation, and takes the lock.
func (m *memory) ready(ctx context.Context, k session.Key) error {
	if err := k.Check(); err != nil && m.broken != "any string is an ID" {
		return err
	}
	return m.begin(ctx)
}

func (m *memory) begin(ctx context.Context) error {
	if ctx.Err() != nil && m.broken != "a context that has ended does not matter" {
		return fault.Ended(ctx.Err())
	}
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return fault.New(session.StorageUnavailable, "closed")
	}
	m.at = m.settings.Now().UTC().Truncate(time.Millisecond)
	return nil
}

// fold is the key under which a session is kept.
func (m *memory) fold(k session.Key) session.Key {
	switch m.broken {
	case "IDs are normalised":
		k.ID = session.ID(norm.NFC.String(string(k.ID)))
	case "IDs are folded":
		k.ID = session.ID(strings.ToLower(string(k.ID)))
	case "IDs are trimmed":
		k.ID = session.ID(strings.TrimSpace(string(k.ID)))
	case "owners do not matter":
		k.Owner = session.Local
	case "IDs are cut":
		k.ID = k.ID[:min(len(k.ID), 254)]
	}
	return k
}

// live returns the row of a key if the session is alive, with its times set.
func (m *memory) live(k session.Key) (session.State, bool) {
	st, ok := m.rows[m.fold(k)]
	if !ok {
		return st, false
	}
	st.Expires = st.LastUsed.Add(m.life(st))
	if !m.now().Before(st.Expires) && m.broken != "expired sessions stay until they are swept" {
		return st, false
	}
	return st, true
}

func (m *memory) use(st session.State) session.State {
	st.LastUsed = m.now()
	st.Expires = st.LastUsed.Add(m.life(st))
	m.rows[m.fold(st.Key)] = st
	return st
}

func (m *memory) put(st session.State) session.State {
	st = m.use(st)
	if m.broken != "nothing is durable" {
		m.disk.rows[m.fold(st.Key)] = st
	}
	return st
}

func (m *memory) drop(k session.Key) {
	k = m.fold(k)
	delete(m.rows, k)
	if m.broken != "a cleared session comes back after a restart" {
		delete(m.disk.rows, k)
	}
}

// end removes a session, and returns what that removed.
func (m *memory) end(k session.Key) session.Removed {
	st, alive := m.live(k)
	old, there := m.rows[m.fold(k)]
	if !there {
		return session.Removed{}
	}
	var r session.Removed
	if alive {
		r = st.Remove()
		if m.broken == "clear counts wrongly" {
			r.Files++
		}
	} else {
		r.Contents = old.Contents()
		if m.broken == "the files of expired sessions count" {
			r = old.Remove()
		}
	}
	if m.broken == "contents are forgotten" {
		r.Contents = nil
	}
	m.drop(k)
	return r
}

func (m *memory) fresh(k session.Key, kind session.Kind) session.State {
	st := session.Begin(k, kind, m.now())
	switch m.broken {
	case "incarnations count from 1 after a clear":
		if _, there := m.rows[k]; !there {
			m.count[k] = 0
		}
		m.count[k]++
		st.Incarnation = session.Incarnation{15: m.count[k]}
	case "a reset keeps the incarnation":
		st.Incarnation = session.Incarnation{15: 1}
	}
	return m.put(st)
}

func (m *memory) full(k session.Key) error {
	limit := cmp.Or(m.settings.MaxSessions, 1_000_000)
	if _, there := m.rows[m.fold(k)]; !there && len(m.rows) >= limit && m.broken != "there is no bound" {
		return session.ErrFull()
	}
	return nil
}

func (m *memory) Open(ctx context.Context, k session.Key, kind session.Kind) (session.State, session.Removed, error) {
	var none session.Removed
	if !kind.Valid() {
		return session.State{}, none, fault.New(fault.BadRequest, "kind")
	}
	if err := m.ready(ctx, k); err != nil {
		return session.State{}, none, err
	}
	defer m.mu.Unlock()
	if m.broken == "uploads hold their session" {
		for wait := 0; m.locks[k]; wait++ {
			if wait == 50 {
				return session.State{}, none, fault.New(fault.Busy, "an upload holds the session")
			}
			m.mu.Unlock()
			time.Sleep(time.Millisecond)
			m.mu.Lock()
		}
		m.locks[k] = true
	}
	if st, alive := m.live(k); alive {
		if m.broken == "open changes the kind" {
			st.Kind = kind
		}
		return m.use(st), none, nil
	}
	if err := m.full(k); err != nil {
		return session.State{}, none, err
	}
	old := m.rows[m.fold(k)]
	r := m.end(k)
	st := m.fresh(k, kind)
	if m.broken == "open finds leftovers" && len(old.BOL) > 0 {
		st.BOL = old.BOL
		m.put(st)
	}
	if m.broken == "two clients may both begin" {
		m.mu.Unlock()
		time.Sleep(time.Millisecond)
		m.mu.Lock()
		st = m.fresh(k, kind)
	}
	return st, r, nil
}

func (m *memory) New(ctx context.Context, k session.Key, kind session.Kind) (session.State, session.Removed, error) {
	if !kind.Valid() {
		return session.State{}, session.Removed{}, fault.New(fault.BadRequest, "kind")
	}
	if err := m.ready(ctx, k); err != nil {
		return session.State{}, session.Removed{}, err
	}
	defer m.mu.Unlock()
	if err := m.full(k); err != nil {
		return session.State{}, session.Removed{}, err
	}
	if st, alive := m.live(k); alive && m.broken == "new reuses an empty session" && len(st.BOL) == 0 {
		return m.use(st), session.Removed{}, nil
	}
	old, _ := m.live(k)
	counter := m.count[k]
	r := m.end(k)
	if m.broken == "incarnations count from 1 after a clear" {
		m.count[k] = counter
		m.rows[k] = session.State{}
	}
	st := m.fresh(k, kind)
	if m.broken == "new keeps the orders" && old.Orders != nil {
		st.Orders = old.Orders
		m.put(st)
	}
	return st, r, nil
}

func (m *memory) Clear(ctx context.Context, k session.Key) (session.Removed, error) {
	if err := m.ready(ctx, k); err != nil {
		return session.Removed{}, err
	}
	defer m.mu.Unlock()
	if _, there := m.rows[m.fold(k)]; !there && m.broken == "clearing nothing fails" {
		return session.Removed{}, session.ErrNotFound()
	}
	return m.end(k), nil
}

func (m *memory) Attach(ctx context.Context, k session.Key, a session.Attachment) (session.State, session.Removed, error) {
	fail := func(err error) (session.State, session.Removed, error) {
		return session.State{}, session.Removed{}, err
	}
	if err := errors.Join(k.Check(), a.Check()); err != nil && m.broken != "attachments are not checked" {
		return fail(err)
	}
	if err := m.ready(ctx, k); err != nil {
		return fail(err)
	}
	defer m.mu.Unlock()
	delete(m.locks, k)
	st, alive := m.live(k)
	if !alive {
		if m.broken != "an attach begins a session" {
			return fail(session.ErrSuperseded())
		}
		st = m.fresh(k, session.Named)
		a.Incarnation = st.Incarnation
	}
	switch m.broken {
	case "no incarnation is checked":
		a.Incarnation = st.Incarnation
	case "the revision does not matter":
		a.Revision = 0
	}
	for _, f := range a.Files {
		for _, c := range []blob.Key{f.Content.Key, f.Reading.Key} {
			if m.names(c) && !slices.Contains(st.Contents(), c) && m.broken != "contents are shared" {
				return fail(fault.New(fault.BadRequest, "shared"))
			}
		}
	}
	next, r, err := st.Attach(a, m.now())
	if err != nil {
		if m.broken == "a failed attach leaves something" && fault.CodeOf(err) == session.TooManyFiles {
			st.BOL = append(slices.Clone(st.BOL), a.Files[0])
			m.put(st)
		}
		return fail(err)
	}
	switch m.broken {
	case "a BOL keeps the orders":
		if a.Slot == session.BOL {
			next.Orders = st.Orders
		}
	case "a BOL keeps the amendments":
		if a.Slot == session.BOL {
			next.Amendments = st.Amendments
		}
	case "orders drop the amendments":
		if a.Slot == session.Orders {
			next.Amendments = nil
		}
	case "orders replace orders":
		if a.Slot == session.Orders && a.Mode == session.Append {
			next.Orders = a.Files
		}
	case "detaching drops the orders":
		if a.Slot == session.BOL && a.Mode == session.Detach {
			next.Orders = nil
		}
	case "appending drops the orders":
		if a.Mode == session.Append {
			next.Orders = nil
		}
	case "appending replaces":
		if a.Mode == session.Append {
			next.BOL = a.Files
		}
	case "names are cleaned again":
		for i := range next.BOL {
			next.BOL[i].Name = strings.Trim(next.BOL[i].Name, `<>'="`)
		}
	case "files come one by one":
		half := next
		half.BOL = next.BOL[:max(len(next.BOL)-1, 0)]
		m.put(half)
		m.mu.Unlock()
		time.Sleep(100 * time.Microsecond)
		m.mu.Lock()
	case "an attach reads, waits and writes":
		m.mu.Unlock()
		time.Sleep(50 * time.Microsecond)
		m.mu.Lock()
	case "an attach to a session is lost at a restart":
		return m.use(next), r, nil
	}
	return m.put(next), r, nil
}

func (m *memory) Import(ctx context.Context, st session.State) (session.Removed, error) {
	fail := func(err error) (session.Removed, error) { return session.Removed{}, err }
	if err := st.Check(); err != nil && m.broken != "imports are not checked" {
		return fail(err)
	}
	if err := m.ready(ctx, st.Key); err != nil {
		return fail(err)
	}
	defer m.mu.Unlock()
	used := time.UnixMilli(st.ImportTime(m.now())).UTC()
	switch m.broken {
	case "an import counts as use":
		used = m.now()
	case "an import may carry a last use in the future":
		used = st.LastUsed
	}
	now, alive := m.live(st.Key)
	old := m.rows[m.fold(st.Key)]
	var removed session.Removed
	if alive {
		next, r, changed, err := now.Import(st)
		switch {
		case err != nil && m.broken == "an import takes another session's place":
			next, r = st, now.Remove()
		case err != nil:
			return fail(err)
		case !changed && m.broken == "importing again fails":
			return fail(session.ErrExists())
		}
		st, removed = next, r
		if now.LastUsed.After(used) && m.broken != "an import brings an earlier use back" {
			used = now.LastUsed
		}
	} else {
		if err := m.full(st.Key); err != nil && m.broken != "imports ignore the bound on sessions" {
			return fail(err)
		}
		removed.Contents = slices.DeleteFunc(old.Contents(), func(k blob.Key) bool { return slices.Contains(st.Contents(), k) })
		if len(removed.Contents) == 0 {
			removed.Contents = nil
		}
	}
	for _, c := range st.Contents() {
		if m.names(c) && !slices.Contains(old.Contents(), c) && m.broken != "imports share contents" {
			return fail(fault.New(fault.BadRequest, "shared"))
		}
	}
	switch m.broken {
	case "an import begins a new incarnation":
		st.Incarnation = session.NewIncarnation()
	case "an import counts from 1":
		st.Revision = 1
	case "an import attaches now":
		st.BOL = slices.Clone(st.BOL)
		for i := range st.BOL {
			st.BOL[i].Attached = m.now()
		}
	case "an import reads, waits and writes":
		m.mu.Unlock()
		time.Sleep(100 * time.Microsecond)
		m.mu.Lock()
	case "an import forgets contents":
		removed.Contents = nil
	}
	st.LastUsed = used
	m.rows[m.fold(st.Key)] = st
	if m.broken != "imports are not durable" {
		m.disk.rows[m.fold(st.Key)] = st
	}
	return removed, nil
}

func (m *memory) Get(ctx context.Context, k session.Key) (session.State, error) {
	if err := m.ready(ctx, k); err != nil {
		return session.State{}, err
	}
	defer m.mu.Unlock()
	st, alive := m.live(k)
	if !alive {
		delete(m.cached, k)
		return session.State{}, session.ErrNotFound()
	}
	switch m.broken {
	case "reads do not extend a life":
		return st, nil
	case "reads come from a cache that is late":
		if c, ok := m.cached[k]; ok && c.Incarnation == st.Incarnation && c.Revision == st.Revision-1 {
			delete(m.cached, k)
			c.LastUsed, c.Expires = m.use(st).LastUsed, st.Expires
			return c, nil
		}
		m.cached[k] = st
	}
	return m.use(st), nil
}

func (m *memory) List(ctx context.Context, q session.Query) (session.Page, error) {
	if err := m.begin(ctx); err != nil {
		return session.Page{}, err
	}
	defer m.mu.Unlock()
	if q.Limit < 1 || q.Limit > session.MaxPage {
		q.Limit = session.MaxPage
	}
	var all []session.State
	for k := range m.rows {
		st, alive := m.live(k)
		if alive && (q.Owner == "" || k.Owner == q.Owner || m.broken == "the listing shows everybody's") {
			if m.broken == "the listing counts as use" {
				st = m.use(st)
			}
			all = append(all, st)
		}
	}
	slices.SortFunc(all, func(a, b session.State) int {
		if m.broken == "the listing is out of order" {
			return cmp.Compare(a.Key.ID, b.Key.ID)
		}
		return a.Key.Compare(b.Key)
	})
	p := session.Page{Total: len(all)}
	for _, st := range all {
		if q.Bytes {
			p.Bytes += st.Bytes()
		}
	}
	for i, st := range all {
		if m.broken == "pages overlap" && st.Key == q.After && st.Key.Compare(q.After) >= 0 || st.Key.Compare(q.After) > 0 {
			if len(p.Sessions) == q.Limit {
				p.More = true
				break
			}
			if m.broken == "a page skips" && i%11 == 10 {
				continue
			}
			p.Sessions = append(p.Sessions, st)
		}
	}
	return p, nil
}

func (m *memory) Expire(ctx context.Context, limit int) (session.Expired, error) {
	if err := m.begin(ctx); err != nil {
		return session.Expired{}, err
	}
	defer m.mu.Unlock()
	var x session.Expired
	for k, st := range m.rows {
		_, alive := m.live(k)
		if !m.now().Before(st.LastUsed.Add(m.life(st))) {
			alive = false
		}
		if m.broken == "the sweep goes by creation" {
			alive = m.now().Before(st.Created.Add(m.life(st)))
		}
		if alive {
			continue
		}
		if x.Sessions == limit && m.broken != "the sweep knows no step" {
			x.More = true
			break
		}
		x.Sessions++
		x.Removed.Add(st.Remove())
		m.drop(k)
	}
	if m.broken == "the sweep forgets contents" {
		x.Contents = nil
	}
	return x, nil
}

func (m *memory) names(c blob.Key) bool {
	for _, st := range m.rows {
		if slices.Contains(st.Contents(), c) {
			return true
		}
	}
	return false
}

func (m *memory) Named(ctx context.Context, keys []blob.Key) ([]bool, error) {
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	named := make([]bool, len(keys))
	for i, c := range keys {
		named[i] = m.names(c)
		if m.broken == "contents are never named" {
			named[i] = false
		}
	}
	return named, nil
}

func (m *memory) Profile(ctx context.Context, owner session.Owner) (session.Profile, error) {
	if err := m.ready(ctx, session.Key{Owner: owner, ID: "x"}); err != nil {
		return session.Profile{}, err
	}
	defer m.mu.Unlock()
	return m.own[m.fold(session.Key{Owner: owner}).Owner], nil
}

func (m *memory) PutProfile(ctx context.Context, owner session.Owner, p session.Profile) (session.Profile, error) {
	return m.write(ctx, owner, p, func(now session.Profile) (session.Profile, error) {
		switch m.broken {
		case "a profile is written over any revision":
			now.Revision = p.Revision
		case "a profile is read, compared and written":
			m.mu.Unlock()
			time.Sleep(100 * time.Microsecond)
			m.mu.Lock()
		}
		return now.Put(p)
	})
}

func (m *memory) ImportProfile(ctx context.Context, owner session.Owner, p session.Profile) error {
	_, err := m.write(ctx, owner, p, func(now session.Profile) (session.Profile, error) {
		if m.broken == "an import of a profile may go back" && p.Revision > 0 {
			return p, nil
		}
		return now.Import(p)
	})
	return err
}

func (m *memory) write(ctx context.Context, owner session.Owner, p session.Profile, rule func(session.Profile) (session.Profile, error)) (session.Profile, error) {
	if err := p.Check(owner); err != nil && m.broken != "profiles are not checked" {
		return session.Profile{}, err
	}
	if err := m.begin(ctx); err != nil {
		return session.Profile{}, err
	}
	defer m.mu.Unlock()
	owner = m.fold(session.Key{Owner: owner}).Owner
	next, err := rule(m.own[owner])
	if err != nil {
		return session.Profile{}, err
	}
	m.own[owner] = next
	if m.broken != "profiles are not durable" {
		m.disk.own[owner] = next
	}
	return next, nil
}

func (m *memory) ProfileOwners(ctx context.Context) ([]session.Owner, error) {
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.own)), nil
}

func (m *memory) Check(ctx context.Context) error {
	if err := m.begin(ctx); err != nil {
		return err
	}
	m.mu.Unlock()
	return nil
}

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	for k, st := range m.rows {
		if d, ok := m.disk.rows[k]; ok && m.broken != "uses are lost at a restart" && d.Incarnation == st.Incarnation {
			d.LastUsed = st.LastUsed
			m.disk.rows[k] = d
		}
		if m.broken == "a restart begins lives anew" {
			d := m.disk.rows[k]
			d.LastUsed = m.now()
			m.disk.rows[k] = d
		}
	}
	return nil
}
