package body

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"tallyman/internal/desk"
	"tallyman/internal/fault"
)

// strays are the files of a body whose fields have other names than the route's.
// Only at the end of the body is it known whether one of them can be meant: until
// then the first is kept apart.
type strays struct {
	rv  *receiver
	all []*stray
}

// stray is what might go to one place.
type stray struct {
	to    Slot
	in    *desk.Incoming // the first of them
	names []string       // of all
	known bool           // the first is in Reception.Also
	text  bool           // the first is a text field
	err   error          // why the first is none
}

// mayBeText reports whether a text field can be a file: an export is a text.
func (s *strays) mayBeText(f *field) bool {
	return slices.Contains(s.rv.Also, f.name) && s.rv.Stray(false).Coding == AsEither
}

// take keeps the file of a field apart. why says why it was ignored.
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
	i := slices.IndexFunc(s.all, func(st *stray) bool { return st.to.In == to.In })
	if i < 0 {
		i = len(s.all)
		s.all = append(s.all, &stray{to: to, in: s.rv.desk.Receive()})
	}
	st := s.all[i]
	if !f.file && (to.In.Len() > 0 || st.text) {
		return "The request gives the file's content more than once; only the first was used.", nil
	}
	st.names = append(st.names, fieldName(f.name))
	if len(st.names) > 1 || to.In.Len() > 0 {
		return "", nil
	}
	st.known, st.text = slices.Contains(s.rv.Also, f.name), !f.file
	to.In = st.in
	if why, err = s.rv.store(to, f); fault.CodeOf(err) == BadBase64 {
		// Another field may still turn out to be the file.
		st.err, err = err, nil
	}
	return why, err
}

// settle puts those in their place that can only be meant so, and returns
// sentences on what was guessed or left out. It fails with desk.NoUpload and
// fault.BadRequest if there is a doubt.
func (s *strays) settle() (warnings []string, err error) {
	for _, st := range s.all {
		if len(st.names) == 0 {
			continue
		}
		names := strings.Join(st.names[:min(len(st.names), 10)], ", ")
		want := strings.Join(s.wanted(st.to), " or ")
		switch {
		case st.to.In.Len() > 0 && s.rv.Strict:
			return nil, fault.New(fault.BadRequest, "the request has more files than it needs: what is in %s is not taken beside what is in %s; leave it out, or send it in one of those", names, want)
		case st.to.In.Len() > 0 && !st.text:
			warnings = append(warnings, fmt.Sprintf("The file in %s was not used, since there is one in %s.", names, want))
		case st.to.In.Len() > 0:
		case len(st.names) > 1:
			return nil, fault.New(desk.NoUpload, "the request has several files, in fields that are not known (%s), and it is not clear which is meant; send it in the field %s", names, want)
		case st.err != nil:
			return nil, st.err
		default:
			st.to.In.Move(st.in)
			if !st.known {
				warnings = append(warnings, fmt.Sprintf("The file was taken from the field %s, since it was the only one; send it in the field %s.", names, want))
			}
		}
	}
	return warnings, nil
}

// wanted are the names of the fields that go to a place.
func (s *strays) wanted(to Slot) []string {
	var names []string
	for name, slot := range s.rv.Files {
		if slot.In == to.In {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// discard gives back what was not taken.
func (s *strays) discard() {
	for _, st := range s.all {
		st.in.Discard()
	}
}
