// Package pairing decides what becomes of papers that arrive by themselves, in a folder or by
// mail (DESIGN.md §14): which PDFs of bills and order exports belong together, when a sheet is
// made of them, and what failed for which reason. It remembers outcomes in a journal, so that
// each paper has one, and writes the results.
package pairing

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/magic"
	"tallyman/internal/sheet"
	"tallyman/internal/text"
)

// Outcome is what became of an input.
type Outcome string

// The outcomes of inputs.
const (
	// Done inputs are part of a sheet.
	Done Outcome = "done"
	// Again inputs were done before: the same content. Nothing was made of them.
	Again Outcome = "again"
	// Failed inputs could not be read, or no bills came for them.
	Failed Outcome = "failed"
)

// Outcomes are all outcomes.
var Outcomes = [...]Outcome{Done, Again, Failed}

// Role is what a file is read as.
type Role string

// The roles of files.
const (
	BOL    Role = "bol"
	Orders Role = "orders"
)

// Maker reads files and makes sheets. It is used by several goroutines.
type Maker interface {
	// Numbers returns the numbers of the bills in a file of bills or in an order export, in
	// the form in which sheet.BillNumbers returns them. It fails with the codes of reading,
	// with fault.Busy if there is no room now.
	Numbers(ctx context.Context, role Role, f intake.File) ([]string, error)
	// Make makes the sheet of files of bills, joined with order exports if there are any. It
	// fails like Numbers.
	Make(ctx context.Context, bills, exports []intake.File) (*sheet.Sheet, error)
}

// Paper is a content that arrived, and what was read of it. F is where it came from.
type Paper[F any] struct {
	// Sum names the content.
	Sum Sum
	// From has the places of the content, at least one.
	From []F
	// Numbers are those of its bills.
	Numbers []string
	// Since is when it came.
	Since time.Time
	// Fault says why it cannot be read.
	Fault error
}

// Job is what is to be done with some papers.
type Job[F any] struct {
	Outcome Outcome
	BOL     *Paper[F]   // of which a sheet is made; nil for none
	With    []*Paper[F] // the exports that it is joined with
	Take    []*Paper[F] // those that have their outcome now
	Why     string      // for people
	Code    fault.Code  // of a failure
	Err     error       // of a failure
}

// Record returns the line of the journal for a job that is done now, under a fresh name. To and
// Files are left to the caller.
func (jb *Job[F]) Record(now time.Time) Record {
	r := Record{At: now, Job: now.UTC().Format("20060102T150405") + "-" + rand.Text()[:12], Outcome: jb.Outcome}
	if jb.BOL != nil {
		r.BOL = &jb.BOL.Sum
		for _, x := range jb.With {
			if r.Orders = append(r.Orders, x.Sum); !slices.Contains(jb.Take, x) {
				r.Bills = jb.BOL.Numbers // which the export need not wait for any more
			}
		}
	}
	return r
}

// LogFailure logs why a job failed.
func (jb *Job[F]) LogFailure(log *slog.Logger) {
	if cause := Cause(jb.Err); cause != nil {
		log = log.With("cause", cause)
	}
	log.Warn("failed", "code", jb.Code, "reason", jb.Why)
}

// Each does something with items, so many at once, and returns the errors. Once ctx has ended it
// begins with no further one, whose error is then that of ctx.
func Each[T any](ctx context.Context, items []T, atOnce int, do func(T) error) []error {
	errs := make([]error, len(items))
	var all errgroup.Group
	all.SetLimit(atOnce)
	for i, item := range items {
		all.Go(func() error {
			if errs[i] = ctx.Err(); errs[i] == nil {
				errs[i] = do(item)
			}
			return nil
		})
	}
	_ = all.Wait()
	return errs
}

// Situation is what Plan has to know besides the papers.
type Situation[F any] struct {
	Now time.Time
	// Wait is how long bills and order exports wait for each other.
	Wait time.Duration
	// Oldest is since when something is there that is not read yet and may be a counterpart:
	// Now if there is nothing. Quiet is true if nothing of the kind is there.
	Oldest time.Time
	Quiet  bool
	// Fits says whether a paper of bills and an export may be joined, apart from their
	// bills; nil if any may.
	Fits func(bol, export *Paper[F]) bool
	// Retry says how people try again, as in "Put it into the folder again".
	Retry string
}

// NoBOL is the code of an order export without bills.
const NoBOL fault.Code = "no_bol"

// Plan decides which jobs can be done now with papers of bills and order exports, each in the
// order in which they came. No two jobs share a paper.
func Plan[F any](bols, exports []*Paper[F], j *Journal, s Situation[F]) (jobs []*Job[F]) {
	over := func(p *Paper[F]) bool {
		end := p.Since.Add(max(s.Wait, 0))
		return !s.Now.Before(end) && s.Oldest.After(end)
	}
	of := map[string][]*Paper[F]{} // exports by bill
	for _, x := range exports {
		for _, n := range x.Numbers {
			of[n] = append(of[n], x)
		}
	}
	taken := map[*Paper[F]]bool{}
	for _, b := range bols {
		if b.Fault != nil {
			jobs = append(jobs, Failure(b))
			continue
		}
		own := map[string]bool{}
		var with []*Paper[F]
		covered, free := true, true
		for _, n := range b.Numbers {
			own[n] = true
			found := false
			for _, x := range of[n] {
				if s.Fits != nil && !s.Fits(b, x) {
					continue
				}
				found = true
				if x.Fault == nil && !slices.Contains(with, x) {
					with = append(with, x)
					free = free && !taken[x]
				}
			}
			covered = covered && found
		}
		if !free || !over(b) && (len(with) == 0 || !covered && !s.Quiet) {
			continue
		}
		jb := &Job[F]{Outcome: Done, BOL: b, With: with, Take: []*Paper[F]{b}}
		var sums []Sum
		for _, x := range with {
			taken[x] = true
			sums = append(sums, x.Sum)
			left := slices.ContainsFunc(x.Numbers, func(n string) bool {
				u := j.used[x.Sum]
				return !own[n] && (u == nil || !u.bills[n])
			})
			if !left {
				jb.Take = append(jb.Take, x)
			}
		}
		if to, again := j.made[made(b.Sum, sums)]; again {
			jb.Outcome, jb.Why = Again, "The same files were done before. Their sheet is in "+to+"."
		} else if to, again := j.done[b.Sum]; again && len(with) == 0 {
			jb.Outcome, jb.Why = Again, "The same file was done before, and no order export came with it. Its sheet is in "+to+"."
		}
		jobs = append(jobs, jb)
	}
	for _, x := range exports {
		u := j.used[x.Sum]
		switch {
		case taken[x]:
		case x.Fault != nil:
			jobs = append(jobs, Failure(x))
		case !over(x):
		case u != nil:
			missing := slices.DeleteFunc(slices.Clone(x.Numbers), func(n string) bool { return u.bills[n] })
			jobs = append(jobs, &Job[F]{Outcome: Done, Take: []*Paper[F]{x}, Why: "This order export was used for " + strings.Join(u.to, ", ") + ". No bills of lading came for " +
				text.Count(len(missing), "bill") + " of it: " + text.List(missing, 20, text.Itself) + "."})
		case j.done[x.Sum] != "":
			jobs = append(jobs, &Job[F]{Outcome: Again, Take: []*Paper[F]{x}, Why: "The same order export was done before; it is in " + j.done[x.Sum] + ". No bills of lading came with it this time."})
		default:
			why := "No bills of lading with the bills of this order export came within " + s.Wait.String() + ". " + s.Retry + ", together with them."
			jobs = append(jobs, &Job[F]{Outcome: Failed, Take: []*Paper[F]{x}, Why: why, Code: NoBOL})
		}
	}
	return jobs
}

// Failure returns the job of a paper that cannot be read.
func Failure[F any](p *Paper[F]) *Job[F] {
	return &Job[F]{Outcome: Failed, Take: []*Paper[F]{p}, Why: Reason(p.Fault), Code: fault.CodeOf(p.Fault), Err: p.Fault}
}

// Reason says for people why something cannot be read.
func Reason(err error) string {
	if fault.CodeOf(err) == fault.Internal {
		return "It could not be read, by an error of the program; its log says more."
	}
	return fault.Sentence(err.Error())
}

// Cause returns what only the log says of a failure; nil for nothing.
func Cause(err error) error {
	if cause := errors.Unwrap(err); cause != nil {
		return cause
	}
	if fault.CodeOf(err) == fault.Internal {
		return err
	}
	return nil
}

// Read finds out what a file is, and which bills it has.
func Read(ctx context.Context, m Maker, f intake.File) (role Role, numbers []string, err error) {
	head, err := Head(f)
	if err != nil {
		return "", nil, err
	}
	role = Orders
	if magic.HoldsPDF(head) || magic.Picture(head) {
		role = BOL
	}
	numbers, err = m.Numbers(ctx, role, f)
	if err != nil && role == Orders && (magic.Begins(head, magic.ZIP) || magic.Begins(head, magic.Gzip)) && !Later(err) && ctx.Err() == nil {
		// An archive may have the PDF at another place.
		if numbers, err := m.Numbers(ctx, BOL, f); err == nil {
			return BOL, numbers, nil
		}
	}
	return role, numbers, err
}

// Head returns the first bytes of a file.
func Head(f intake.File) ([]byte, error) {
	head := make([]byte, 4<<10)
	n, err := f.ReadAt(head, 0)
	if err == io.EOF {
		err = nil
	}
	return head[:n], err
}

// Later reports whether a fault is not one of the file, so that it may go away.
func Later(err error) bool {
	switch fault.CodeOf(err) {
	case fault.Busy, fault.Cancelled, fault.WorkerStopped, fault.Unwritable:
		return true
	}
	return false
}
