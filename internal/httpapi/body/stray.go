package body

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"tallyman/internal/fault"
)

// strays are the files of a body whose fields have other names than the route's.
// Only at the end of the body is it known whether one of them can be meant: the first
// is stored, and turns out to be of use or not.
type strays struct {
	rv  *receiver
	all []*stray
}

// stray is what might be one thing.
type stray struct {
	to     Slot
	got    tally    // of the first
	number int      // of the first, if it was stored
	names  []string // of all
	known  bool     // the first is in Reception.Also
	text   bool     // the first is a text field
	err    error    // why the first is none
}

// mayBeText reports whether a text field can be a file: an export is a text.
func (s *strays) mayBeText(f *field) bool {
	return slices.Contains(s.rv.Also, f.name) && s.rv.Stray(false).Coding == AsEither
}

// take has the first file of its kind stored. why says why it was ignored.
func (s *strays) take(f *field) (why string, err error) {
	content, empty, err := isEmpty(f.value)
	if err != nil || empty && f.filename == "" {
		return "", err
	}
	head, err := content.Peek(maxHead)
	if err != nil && err != io.EOF {
		return "", err
	}
	f.value = content
	to := s.rv.Stray(isPDF(head))
	i := slices.IndexFunc(s.all, func(st *stray) bool { return st.to.For == to.For })
	if i < 0 {
		i = len(s.all)
		s.all = append(s.all, &stray{to: to})
	}
	st, there := s.all[i], s.rv.of(to).files > 0
	if !f.file && (there || st.text) {
		return "The request gives the file's content more than once; only the first was used.", nil
	}
	st.names = append(st.names, fieldName(f.name))
	if len(st.names) > 1 || there {
		return "", nil
	}
	st.known, st.text, st.number = slices.Contains(s.rv.Also, f.name), !f.file, s.rv.stored
	if why, err = s.rv.take(to, f, &st.got); fault.CodeOf(err) == BadBase64 {
		// Another field may still turn out to be the file.
		st.err, err = err, nil
	}
	return why, err
}

// settle decides which of them can only be meant, and adds to what was received those
// that are not, and sentences on what was guessed or left out. It fails with
// fault.NoUpload and fault.BadRequest if there is a doubt.
func (s *strays) settle(got *Received) error {
	for _, st := range s.all {
		if len(st.names) == 0 {
			continue
		}
		names := strings.Join(st.names[:min(len(st.names), 10)], ", ")
		want := strings.Join(s.wanted(st.to), " or ")
		there := s.rv.of(st.to).files > 0
		switch {
		case there && s.rv.Strict:
			return fault.New(fault.BadRequest, "the request has more files than it needs: what is in %s is not taken beside what is in %s; leave it out, or send it in one of those", names, want)
		case there && !st.text:
			got.Warnings = append(got.Warnings, fmt.Sprintf("The file in %s was not used, since there is one in %s.", names, want))
		case there:
		case len(st.names) > 1:
			return fault.New(fault.NoUpload, "the request has several files, in fields that are not known (%s), and it is not clear which is meant; send it in the field %s", names, want)
		case st.err != nil:
			return st.err
		case !st.known:
			got.Warnings = append(got.Warnings, fmt.Sprintf("The file was taken from the field %s, since it was the only one; send it in the field %s.", names, want))
		}
		if there && st.got.files > 0 {
			got.Unused = append(got.Unused, st.number)
		}
	}
	return nil
}

// wanted are the names of the fields for a thing.
func (s *strays) wanted(to Slot) []string {
	var names []string
	for name, slot := range s.rv.Files {
		if slot.For == to.For {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
