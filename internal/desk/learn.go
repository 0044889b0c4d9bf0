package desk

import (
	"context"
	"errors"
	"slices"
	"sync"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/form"
	"tallyman/internal/page"
	"tallyman/internal/profile"
	"tallyman/internal/session"
)

// BadForm is the code of what was shown of a form and makes none; the details are a
// []BadPart.
const BadForm fault.Code = "bad_form"

// BadPart is something wrong in what was shown.
type BadPart struct {
	// Part is what was shown: "page", "name", "columns", "rows" or "totals"; Index is which
	// of the columns or rows, from 0, or -1.
	Part  string `json:"part"`
	Index int    `json:"index"`
	// Reason is a sentence for people, without a full stop.
	Reason string `json:"reason"`
}

// badForm turns a form.FormError into a fault.
func badForm(err error) error {
	var wrong *form.FormError
	if !errors.As(err, &wrong) {
		return err
	}
	var parts []BadPart
	for _, f := range wrong.Flaws {
		parts = append(parts, BadPart{f.Part, f.Index, f.Reason})
	}
	return fault.New(BadForm, "%s", wrong.Error()).With(parts)
}

// Lesson says how the bill of a page of the session is read, a page counted from 1 of the
// BOL file of an index. Without what was shown it is read by the owner's newest learnt
// forms or freely. It changes nothing. The pages are read once for several lessons.
//
// It fails with NoBOL, with fault.NotFound and fault.NoSuchPage, with BadForm, with
// fault.Busy, and with the codes of storage and of reading.
func (d *Desk) Lesson(ctx context.Context, st session.State, file, number int, shown *form.Shown) (*form.Lesson, OwnProfile, error) {
	own, err := d.Profile(ctx, st.Key.Owner)
	if err != nil {
		return nil, own, err
	}
	if err := HasBills(st); err != nil {
		return nil, own, err
	}
	if file < 0 || file >= len(st.BOL) {
		return nil, own, fault.New(fault.NotFound, "the session has no BOL file %d", file)
	}
	pages, err := d.lessonPages(ctx, st, st.BOL[file], number)
	if err != nil {
		return nil, own, err
	}
	leave, _, err := d.sheets.making.enter(ctx, st.Key.Owner)
	if err != nil {
		return nil, own, err
	}
	defer leave()
	l, err := form.Study(pages, number, own.Profile.LearntForms(), shown)
	return l, own, badForm(err)
}

// Teach keeps the form that was shown in the owner's profile, over the revision that the
// caller saw, and reads the session's bills again with it. A form of the same name is
// replaced. If the session was changed meanwhile, its bills stay as they are, and Teach
// fails with session.Superseded or session.Changed; the form is kept all the same.
//
// It fails with the codes of Lesson, PutProfile and Reread. It returns the state after
// that.
func (d *Desk) Teach(ctx context.Context, st session.State, file, number int, shown *form.Shown, revision int64) (session.State, *form.Lesson, OwnProfile, error) {
	l, own, err := d.Lesson(ctx, st, file, number, shown)
	if err != nil {
		return st, nil, own, err
	}
	if own.Revision != revision {
		return st, nil, own, session.ErrProfileChanged(own.Revision)
	}
	if l.Form == nil || l.Kind != form.Learnt {
		return st, nil, own, badForm(&form.FormError{Flaws: l.Flaws})
	}
	document := ""
	if l.Proved {
		document = form.Document(st.BOL[file].Content.SHA256)
	}
	next, err := own.Profile.WithForm(*l.Form, document)
	if err != nil {
		return st, nil, own, err
	}
	if own, err = d.PutProfile(ctx, st.Key.Owner, revision, profile.Rewrite(own.Text, next)); err != nil {
		return st, nil, own, err
	}
	now, _, err := d.Reread(ctx, st)
	return now, l, own, err
}

// RenameForm gives a learnt form of an owner another name; "" forgets it. It fails with
// fault.NotFound if there is none of that name, and with the codes of PutProfile.
func (d *Desk) RenameForm(ctx context.Context, owner session.Owner, revision int64, name, to string) (OwnProfile, error) {
	own, err := d.Profile(ctx, owner)
	if err != nil {
		return own, err
	}
	next, err := own.Profile.RenameForm(name, to)
	if err != nil {
		return own, err
	}
	return d.PutProfile(ctx, owner, revision, profile.Rewrite(own.Text, next))
}

// lessonPages returns the pages around one of a BOL file by which its form can be taught.
func (d *Desk) lessonPages(ctx context.Context, st session.State, in session.Input, number int) ([]page.Page, error) {
	if pages := d.lessons.get(in.Content.Key, number); pages != nil {
		return pages, nil
	}
	file, reader, end, err := d.openInTurn(ctx, st.Key.Owner, in)
	if err != nil {
		return nil, err
	}
	defer end()
	h := &held{memory: d.memory, owner: st.Key.Owner}
	defer h.end()
	pages, err := reader.Metered(h.meter(ctx)).Unknown(ctx, file, number)
	if err != nil {
		return nil, err
	}
	d.lessons.put(in.Content.Key, number, pages)
	return pages, nil
}

// lessons keep the pages of the last lessons, so that a document is not read again each
// time that somebody drags an edge.
type lessons struct {
	mu   sync.Mutex
	kept []lesson // the last one first
}

type lesson struct {
	of     blob.Key
	number int
	pages  []page.Page
	words  int
}

// mostLessonWords bounds the words of all pages that are kept, each of about 200 bytes.
const mostLessonWords = 100_000

func (l *lessons) get(of blob.Key, number int) []page.Page {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.kept, func(k lesson) bool { return k.of == of && k.number == number })
	if i < 0 {
		return nil
	}
	k := l.kept[i]
	l.kept = slices.Insert(slices.Delete(l.kept, i, i+1), 0, k)
	return k.pages
}

func (l *lessons) put(of blob.Key, number int, pages []page.Page) {
	k := lesson{of: of, number: number, pages: pages}
	for _, p := range pages {
		k.words += len(p.Words) + len(p.Rules)/4
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = slices.Insert(slices.DeleteFunc(l.kept, func(o lesson) bool { return o.of == of && o.number == number }), 0, k)
	words := 0
	for i := range l.kept {
		if words += l.kept[i].words; words > mostLessonWords {
			clear(l.kept[i:])
			l.kept = l.kept[:i]
			break
		}
	}
}

// forget removes the pages of contents that were deleted.
func (l *lessons) forget(gone []blob.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = slices.DeleteFunc(l.kept, func(k lesson) bool { return slices.Contains(gone, k.of) })
}

// record adds a document to the learnt forms of an owner that it proved, so that they are
// trusted after two. It is not part of the reading: what fails here is recorded with the
// next document.
func (d *Desk) record(ctx context.Context, owner session.Owner, readings []reading, a session.Attachment) {
	proved := map[string]string{}
	for i, r := range readings {
		if r.doc == nil {
			continue
		}
		for _, b := range r.doc.Bills {
			if b.Free != nil && b.Free.Learnt != "" && b.Free.Proved {
				proved[b.Free.Learnt] = form.Document(a.Files[i].Content.SHA256)
			}
		}
	}
	if len(proved) == 0 {
		return
	}
	own, err := d.Profile(ctx, owner)
	if err != nil || own.Profile == nil {
		return
	}
	next, changed := own.Profile.Proved(proved)
	if !changed {
		return
	}
	_, _ = d.PutProfile(ctx, owner, own.Revision, profile.Rewrite(own.Text, next))
}
