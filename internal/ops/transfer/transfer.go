// Package transfer copies all data of a server from one place to another, so that its
// clients notice nothing: live sessions with their files, readings and times, the
// contents of the files, the profiles of owners, and the API keys.
//
// No server may use either place meanwhile. The embedded store ensures that with its
// lock, PostgreSQL with postgres.Options.Alone; a change of the source is detected at
// the end (Changed).
//
// Contents keep their keys, and sessions their incarnations and revisions. So an
// interrupted copy, even by kill -9, is resumed by running it again: it keeps what is
// there and copies what is missing. A session's contents are durable before its row is
// imported in one step, so that no part of a session is ever visible. Profiles keep their
// revisions. Keys are copied last. Until then no client can get in and see only a part of
// the sessions, or begin others in their place.
package transfer

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/keys"
	"tallyman/internal/session"
)

// The codes that a copy can fail with, in addition to those of storage.
const (
	Occupied  fault.Code = "target_occupied" // the target has sessions or keys that are not in the source
	SamePlace fault.Code = "same_place"      // source and target keep contents in one place
	Changed   fault.Code = "source_changed"  // the source was used while it was copied
)

// Source is what is copied. It is not changed.
type Source struct {
	// Sessions must also list expired sessions that still exist: Options.Lives
	// decides which sessions live.
	Sessions session.Store
	Contents blob.Store
	Keys     keys.Ring
}

// Target is where everything is copied to.
type Target struct {
	// Sessions must also list expired sessions that still exist.
	Sessions session.Importer
	Contents blob.Importer
	Keys     keys.Importer
}

// Options are the options of a copy. The zero value is valid.
type Options struct {
	// Lives decide which sessions of the source live. Use the servers' settings.
	Lives session.Lives
	// Now is the clock, nil for the system's.
	Now func() time.Time
	// Merge allows sessions and keys in the target that are not in the source. They stay
	// unchanged, and sessions and keys of the source that conflict with them are left out
	// (Problem).
	Merge bool
	// Parallel is the number of sessions that are copied at once, 0 means 8.
	Parallel int
	// Progress, if set, receives the report as the copy goes on. Calls do not
	// overlap.
	Progress func(Report)
}

// Report is what a copy did, or would do.
type Report struct {
	// Sessions, Files and Bytes are the live sessions of the source, with the files
	// that are attached to them and their sizes as uploaded.
	Sessions, Files int
	Bytes           int64
	// Expired sessions of the source are left out.
	Expired int
	// Keys are the API keys of the source, Profiles the profiles of its owners, and Webhooks
	// counts owners with webhooks.
	Keys, Profiles, Webhooks int

	// There is the number of sessions that the target already had in the same revision,
	// and KeysThere the number of keys that it already had.
	There, KeysThere int
	// Others, OtherKeys and OtherProfiles count what is in the target but not in the source;
	// the last one webhooks, too.
	Others, OtherKeys, OtherProfiles int

	// Copied counts imported sessions, Contents the contents that were stored for
	// them, readings included, and ContentBytes their size.
	Copied, Contents int
	ContentBytes     int64
	KeysCopied       int
	ProfilesCopied   int
	WebhooksCopied   int
	// Problems are what could not be copied. Everything else was.
	Problems []Problem
}

// Problem is something that could not be copied.
type Problem struct {
	// Session is the session, zero if the problem is about a key or a profile.
	Session session.Key
	// File is the name of the file with a missing or damaged content. The session was
	// copied without it.
	File    string
	Reading bool // the problem is about the file's reading
	// Key is the owner of the API key, Profile that of the profile, and Webhooks that of the
	// webhooks, that the problem is about.
	Key, Profile, Webhooks session.Owner
	Err                    error

	content *blob.Ref // the content that the problem is about, if any
}

// String says in a sentence what could not be copied. It does not reveal the
// session's ID, which may be a credential.
func (p Problem) String() string {
	switch {
	case p.Key != "":
		return fmt.Sprintf("key of %s: %v", p.Key, p.Err)
	case p.Profile != "":
		return fmt.Sprintf("profile of %s: %v", p.Profile, p.Err)
	case p.Webhooks != "":
		return fmt.Sprintf("webhooks of %s: %v", p.Webhooks, p.Err)
	case p.Whole():
		return fmt.Sprintf("session %s of %s: %v", p.Session.Hash(), p.Session.Owner, p.Err)
	case p.Reading:
		return fmt.Sprintf("session %s of %s, what was read from the file %q: %v", p.Session.Hash(), p.Session.Owner, p.File, p.Err)
	}
	return fmt.Sprintf("session %s of %s, file %q: %v", p.Session.Hash(), p.Session.Owner, p.File, p.Err)
}

// Whole reports whether a whole session was left out.
func (p Problem) Whole() bool {
	return p.Key == "" && p.Profile == "" && p.Webhooks == "" && p.File == "" && !p.Reading && p.content == nil
}

// Survey counts what a copy would do, and changes nothing. It needs no contents, and
// nothing of a target that does not exist yet. It fails with Occupied where Copy
// would.
func Survey(ctx context.Context, from Source, to Target, o Options) (Report, error) {
	c := newCopier(from, to, o)
	if err := c.survey(ctx); err != nil {
		return c.report, err
	}
	return c.report, c.occupied(ctx)
}

// Copy copies everything. Report.Problems lists sessions, files and keys that could not
// be copied because they are damaged, or because the target has another in their place.
// Everything else was copied.
//
// It fails with Occupied if the target has something that the source does not, unless
// Options.Merge is set; with SamePlace; with Changed if the source was used meanwhile;
// and with the codes of storage. Another call continues where this one ended.
func Copy(ctx context.Context, from Source, to Target, o Options) (Report, error) {
	c := newCopier(from, to, o)
	err := c.copy(ctx)
	return c.report, err
}

// copier is one copy.
type copier struct {
	from Source
	to   Target
	o    Options
	now  time.Time
	// stored are the contents that the target had when the copy began, with their
	// sizes.
	stored map[blob.Key]int64

	mu     sync.Mutex
	report Report
}

func newCopier(from Source, to Target, o Options) *copier {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Parallel <= 0 {
		o.Parallel = 8
	}
	if o.Progress == nil {
		o.Progress = func(Report) {}
	}
	return &copier{from: from, to: to, o: o, now: o.Now(), stored: map[blob.Key]int64{}}
}

func (c *copier) copy(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		c.survey, c.occupied, c.differ, c.listStored, c.sessions, c.profiles, c.verify, c.keys,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// note updates the report.
func (c *copier) note(change func(*Report)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.report)
	c.o.Progress(c.report)
}

func (c *copier) problem(p Problem) {
	c.note(func(r *Report) { r.Problems = append(r.Problems, p) })
}

// lives reports whether a session of the source is to be copied.
func (c *copier) lives(st session.State) bool {
	return c.now.Before(st.LastUsed.Add(c.o.Lives.Of(st.Kind)))
}

// pair is a session of the source and the target's session of the same key. One of
// them may be nil.
type pair struct{ from, to *session.State }

// conflict reports whether another session has the session's place.
func (p pair) conflict() bool {
	return p.from != nil && p.to != nil && (p.from.Incarnation != p.to.Incarnation || p.from.Revision < p.to.Revision)
}

// pairs iterates over the sessions of both sides. Both list them in the order of
// their keys.
func (c *copier) pairs(ctx context.Context, yield func(pair) error) error {
	from := &walk{store: c.from.Sessions, page: session.Page{More: true}}
	to := &walk{}
	if c.to.Sessions != nil {
		to = &walk{store: c.to.Sessions, page: session.Page{More: true}}
	}
	for {
		a, err := from.look(ctx)
		if err != nil {
			return fault.In("reading the source", err)
		}
		b, err := to.look(ctx)
		if err != nil {
			return fault.In("reading the target", err)
		}
		var p pair
		switch {
		case a == nil && b == nil:
			return nil
		case b == nil || a != nil && a.Key.Compare(b.Key) < 0:
			p.from = from.take()
		case a == nil || a.Key.Compare(b.Key) > 0:
			p.to = to.take()
		default:
			p = pair{from.take(), to.take()}
		}
		if err := yield(p); err != nil {
			return err
		}
	}
}

// walk iterates over the sessions of a store, as long as its page has More.
type walk struct {
	store session.Store
	page  session.Page
	after session.Key
}

// look returns the next session without consuming it, nil at the end.
func (w *walk) look(ctx context.Context) (*session.State, error) {
	if len(w.page.Sessions) == 0 && w.page.More {
		var err error
		if w.page, err = w.store.List(ctx, session.Query{After: w.after}); err != nil {
			return nil, err
		}
	}
	if len(w.page.Sessions) == 0 {
		return nil, nil
	}
	return &w.page.Sessions[0], nil
}

func (w *walk) take() *session.State {
	st := &w.page.Sessions[0]
	w.after = st.Key
	w.page.Sessions = w.page.Sessions[1:]
	return st
}

// survey counts sessions, files and keys.
func (c *copier) survey(ctx context.Context) error {
	err := c.pairs(ctx, func(p pair) error {
		r := &c.report
		switch {
		case p.from == nil:
			r.Others++
			return nil
		case p.conflict():
			r.Others++
		}
		if !c.lives(*p.from) {
			r.Expired++
			return nil
		}
		r.Sessions++
		for _, in := range p.from.Inputs() {
			r.Files++
			r.Bytes += in.Content.Size
		}
		if p.to != nil && !p.conflict() && p.to.Revision == p.from.Revision {
			r.There++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := c.surveyProfiles(ctx); err != nil {
		return err
	}
	mine, theirs, err := c.bothKeys(ctx)
	if err != nil {
		return err
	}
	c.report.Keys = len(mine)
	for _, k := range theirs {
		if slices.ContainsFunc(mine, k.Same) {
			c.report.KeysThere++
		} else {
			c.report.OtherKeys++
		}
	}
	return nil
}

func (c *copier) bothKeys(ctx context.Context) (from, to []keys.Key, err error) {
	if from, err = c.from.Keys.All(ctx); err != nil {
		return nil, nil, fault.In("reading the source's keys", err)
	}
	if c.to.Keys == nil {
		return from, nil, nil
	}
	if to, err = c.to.Keys.All(ctx); err != nil {
		return nil, nil, fault.In("reading the target's keys", err)
	}
	return from, to, nil
}

// occupied fails with Occupied if the target must not be changed.
func (c *copier) occupied(context.Context) error {
	if r := c.report; (r.Others > 0 || r.OtherKeys > 0 || r.OtherProfiles > 0) && !c.o.Merge {
		return fault.New(Occupied, "the target has sessions (%d), keys (%d) or profiles (%d) that are not the source's, or later states of them; name an empty place, or give --merge to add to it", r.Others, r.OtherKeys, r.OtherProfiles)
	}
	return nil
}

// differ fails with SamePlace if both sides keep contents in one place: clearing a
// session of one side would then delete the file of the other.
func (c *copier) differ(ctx context.Context) error {
	const probe = "tallyman copy"
	ref, err := c.to.Contents.Put(ctx, strings.NewReader(probe+" "+string(blob.NewKey())))
	if err != nil {
		return fault.In("trying the target", err)
	}
	there, err := c.from.Contents.Open(ctx, ref)
	if err == nil {
		there.Close()
	}
	if derr := c.to.Contents.Delete(ctx, ref.Key); derr != nil {
		return fault.In("trying the target", derr)
	}
	switch {
	case err == nil:
		return fault.New(SamePlace, "source and target keep the contents of files in the same place, so each would delete the other's; name another folder, or another prefix of the bucket")
	case fault.CodeOf(err) != fault.NotFound:
		return fault.In("trying the source", err)
	}
	return nil
}

// listStored notes the target's contents, so that missing contents of sessions that
// are there can be copied.
func (c *copier) listStored(ctx context.Context) error {
	if c.report.There == 0 {
		return nil
	}
	for it, err := range blob.All(ctx, c.to.Contents, 1000) {
		if err != nil {
			return fault.In("reading the target", err)
		}
		c.stored[it.Key] = it.Size
	}
	return nil
}

// sessions copies all sessions, with their contents.
func (c *copier) sessions(ctx context.Context) error {
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(c.o.Parallel)
	err := c.pairs(working, func(p pair) error {
		if p.from == nil || !c.lives(*p.from) {
			return nil
		}
		if p.conflict() {
			c.problem(Problem{Session: p.from.Key, Err: session.ErrExists()})
			return nil
		}
		group.Go(func() error { return c.session(working, p) })
		return working.Err()
	})
	// Return the error of the first session, not the errors that it caused in others.
	if first := group.Wait(); first != nil {
		return first
	}
	return err
}

// session copies one session.
func (c *copier) session(ctx context.Context, p pair) error {
	st := *p.from
	var stored []blob.Key
	settled := func(err error) {
		if err != nil && session.Settled(err) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			defer cancel()
			_ = c.to.Contents.Delete(ctx, stored...) // what remains is an orphan
			return
		}
		c.to.Contents.Release(stored...)
	}
	for _, in := range st.Inputs() {
		for _, ref := range []blob.Ref{in.Content, in.Reading} {
			if ref.IsZero() {
				continue
			}
			if size, ok := c.stored[ref.Key]; ok && size == ref.Size && p.to != nil && slices.Contains(p.to.Contents(), ref.Key) {
				continue
			}
			fresh, err := c.content(ctx, p, ref)
			if isDamage(err) {
				c.problem(Problem{Session: st.Key, File: in.Name, Reading: ref == in.Reading, Err: err, content: &ref})
				continue
			}
			if err != nil {
				settled(err)
				return err
			}
			if fresh {
				stored = append(stored, ref.Key)
				c.note(func(r *Report) { r.Contents++; r.ContentBytes += ref.Size })
			}
		}
	}
	removed, err := c.importState(ctx, st)
	settled(err)
	switch code := fault.CodeOf(err); {
	case code == session.Exists, code == fault.BadRequest, code == session.BadID:
		c.problem(Problem{Session: st.Key, Err: err})
		return nil
	case err != nil:
		return fault.In("writing to the target", err)
	}
	if p.to == nil || p.to.Revision != st.Revision {
		c.note(func(r *Report) { r.Copied++ })
	}
	if err := c.to.Contents.Delete(ctx, removed.Contents...); err != nil {
		return fault.In("writing to the target", err)
	}
	return nil
}

// busyTries is how often a busy target is tried again.
const busyTries = 20

// importState imports a session, and retries while the target is busy.
func (c *copier) importState(ctx context.Context, st session.State) (session.Removed, error) {
	for try := 1; ; try++ {
		removed, err := c.to.Sessions.Import(ctx, st)
		if fault.CodeOf(err) != fault.Busy || try == busyTries {
			return removed, err
		}
		if err := fault.Pause(ctx, 250*time.Millisecond); err != nil {
			return session.Removed{}, err
		}
	}
}

// isDamage reports whether a content of the source is permanently unusable.
func isDamage(err error) bool {
	code := fault.CodeOf(err)
	return code == blob.Damaged || code == fault.NotFound
}

// content copies one content. stored is false if it is there already. Its error is
// damage only if the source's content is damaged.
func (c *copier) content(ctx context.Context, p pair, ref blob.Ref) (stored bool, err error) {
	for try := 1; ; try++ {
		err := c.send(ctx, ref)
		if fault.CodeOf(err) != blob.Taken {
			return err == nil, err
		}
		// An interrupted copy left the content, whole or in part, or an answer was lost.
		// Check whether a session names it before replacing it.
		err = blob.Verify(ctx, c.to.Contents, ref)
		if err == nil {
			return false, nil
		}
		if !isDamage(err) || try == 3 {
			return false, fault.New(blob.StorageUnavailable, "writing to the target: a stored file cannot be replaced there: %w", err)
		}
		named, nerr := c.to.Sessions.Named(ctx, []blob.Key{ref.Key})
		if nerr != nil {
			return false, fault.In("writing to the target", nerr)
		}
		mine := p.to != nil && p.to.Incarnation == p.from.Incarnation && slices.Contains(p.to.Contents(), ref.Key)
		if named[0] && !mine {
			// The import will report it.
			return false, nil
		}
		if err := c.to.Contents.Delete(ctx, ref.Key); err != nil {
			return false, fault.In("writing to the target", err)
		}
	}
}

// send sends one content. Its error is damage only if the source's content is
// damaged.
func (c *copier) send(ctx context.Context, ref blob.Ref) error {
	r, err := c.from.Contents.Open(ctx, ref)
	if isDamage(err) {
		return err
	}
	if err != nil {
		return fault.In("reading the source", err)
	}
	defer r.Close()
	watched := &watched{r: r}
	err = c.to.Contents.Import(ctx, ref, watched)
	switch {
	case isDamage(watched.err):
		return watched.err
	case watched.err != nil:
		return fault.In("reading the source", watched.err)
	case err != nil && fault.CodeOf(err) != blob.Taken:
		return fault.In("writing to the target", err)
	}
	return err
}

// watched distinguishes the errors of a reader from those of its consumer.
type watched struct {
	r   io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}

// verify checks whether the target has everything that the source has now, to the
// last field.
func (c *copier) verify(ctx context.Context) error {
	left := map[session.Key]bool{}
	for _, p := range c.report.Problems {
		if p.Whole() {
			left[p.Session] = true
		}
	}
	missing, sessions := 0, 0
	err := c.pairs(ctx, func(p pair) error {
		if p.from == nil || !c.lives(*p.from) || left[p.from.Key] {
			return nil
		}
		sessions++
		if p.to == nil || p.conflict() || p.to.Revision != p.from.Revision {
			missing++
			return nil
		}
		if !c.same(*p.from, *p.to) {
			return fmt.Errorf("session %s is not the same in the target", p.from.Key.Hash())
		}
		return nil
	})
	if err != nil {
		return err
	}
	if missing > 0 || sessions+len(left) != c.report.Sessions {
		return fault.New(Changed, "the source was used while it was copied: %d of its sessions are not in the target as they are now; stop its servers and copy again", missing)
	}
	return nil
}

// same reports whether the target has the source's session. Its last use may be later
// there, or was limited to now if the clocks differ.
func (c *copier) same(from, to session.State) bool {
	if to.LastUsed.Before(from.LastUsed) && from.LastUsed.Before(c.now.Add(-clockSkew)) {
		return false
	}
	return reflect.DeepEqual(plain(from), plain(to))
}

// clockSkew is the largest difference of clocks.
const clockSkew = time.Hour

// plain converts a state so that equal states are deeply equal. Stores may format the
// JSON of summaries differently.
func plain(st session.State) session.State {
	st.LastUsed, st.Expires = time.Time{}, time.Time{}
	for _, slot := range []*[]session.Input{&st.BOL, &st.Orders, &st.Amendments} {
		in := append([]session.Input{}, *slot...)
		for i := range in {
			in[i].Attached = in[i].Attached.UTC().Truncate(time.Millisecond)
			var v any
			if json.Unmarshal(in[i].Summary, &v) == nil {
				in[i].Summary, _ = json.Marshal(v)
			}
		}
		*slot = in
	}
	st.Created = st.Created.UTC()
	return st
}

// profilePair is the profile of an owner in the source and in the target, or his webhooks,
// which stores keep in the same way.
type profilePair struct {
	owner    session.Owner
	webhooks bool
	from, to session.Profile
}

// conflict reports whether the target has another profile, or a later one.
func (p profilePair) conflict() bool {
	_, err := p.to.Import(p.from)
	return err != nil
}

// bothProfiles returns the profiles and webhooks of all owners that have one on either side.
func (c *copier) bothProfiles(ctx context.Context) (all []profilePair, err error) {
	profiles, webhooks := []session.Profiles{c.from.Sessions}, []session.Profiles{c.from.Sessions.Webhooks()}
	if c.to.Sessions != nil {
		profiles, webhooks = append(profiles, c.to.Sessions), append(webhooks, c.to.Sessions.Webhooks())
	}
	for i, stores := range [][]session.Profiles{profiles, webhooks} {
		pairs, err := pairsOf(ctx, stores)
		if err != nil {
			return nil, fault.In("reading the profiles", err)
		}
		for _, p := range pairs {
			p.webhooks = i == 1
			all = append(all, p)
		}
	}
	return all, nil
}

func pairsOf(ctx context.Context, stores []session.Profiles) (all []profilePair, err error) {
	owners := map[session.Owner]bool{}
	for _, s := range stores {
		list, err := s.ProfileOwners(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range list {
			owners[o] = true
		}
	}
	for _, o := range slices.Sorted(maps.Keys(owners)) {
		p := profilePair{owner: o}
		for i, s := range stores {
			if *([]*session.Profile{&p.from, &p.to}[i]), err = s.Profile(ctx, o); err != nil {
				return nil, err
			}
		}
		all = append(all, p)
	}
	return all, nil
}

func (c *copier) surveyProfiles(ctx context.Context) error {
	all, err := c.bothProfiles(ctx)
	for _, p := range all {
		switch {
		case p.from.Revision == 0:
		case p.webhooks:
			c.report.Webhooks++
		default:
			c.report.Profiles++
		}
		if p.conflict() {
			c.report.OtherProfiles++
		}
	}
	return err
}

// profiles copies the profiles and webhooks of owners. With Options.Merge, those of the
// target stay.
func (c *copier) profiles(ctx context.Context) error {
	all, err := c.bothProfiles(ctx)
	if err != nil {
		return err
	}
	webhooks, ok := c.to.Sessions.Webhooks().(session.ProfileImporter)
	if !ok {
		return fmt.Errorf("the target takes over no webhooks: %T", c.to.Sessions)
	}
	for _, p := range all {
		switch {
		case p.from.Revision == 0 || p.from.Revision == p.to.Revision && !p.conflict():
			continue
		case p.conflict() || c.o.Merge && p.to.Revision > 0:
			if p.webhooks {
				c.problem(Problem{Webhooks: p.owner, Err: fault.New(session.Exists, "the target has other webhooks of this owner, which were kept")})
			} else {
				c.problem(Problem{Profile: p.owner, Err: fault.New(session.Exists, "the target has another profile of this owner, which was kept")})
			}
			continue
		}
		to, counts := session.ProfileImporter(c.to.Sessions), func(r *Report) { r.ProfilesCopied++ }
		if p.webhooks {
			to, counts = webhooks, func(r *Report) { r.WebhooksCopied++ }
		}
		if err := to.ImportProfile(ctx, p.owner, p.from); err != nil {
			return fault.In("writing a profile to the target", err)
		}
		c.note(counts)
	}
	return nil
}

// keys copies the API keys.
func (c *copier) keys(ctx context.Context) error {
	mine, theirs, err := c.bothKeys(ctx)
	if err != nil {
		return err
	}
	for _, k := range mine {
		if err := ctx.Err(); err != nil {
			return fault.Ended(err)
		}
		if slices.ContainsFunc(theirs, k.Same) {
			continue
		}
		err := c.to.Keys.Import(ctx, k)
		switch fault.CodeOf(err) {
		case "":
			c.note(func(r *Report) { r.KeysCopied++ })
		case keys.Exists, fault.BadRequest:
			c.problem(Problem{Key: k.Name, Err: err})
		default:
			return fault.In("writing the keys to the target", err)
		}
	}
	return nil
}
