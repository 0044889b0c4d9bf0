package mailbox

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"tallyman/internal/fault"
)

// box is a connection to the mailbox, in its folder.
type box struct {
	c        *Config
	line     *line
	client   *imapclient.Client
	validity uint32
	idles    bool
	moves    bool
	news     chan struct{} // something changed in the folder
}

// offer is a mail of the folder that is not fetched yet.
type offer struct {
	uid    imap.UID
	size   int64
	header []byte
}

// openBox connects, signs in, makes the folders that are missing, and opens the one to look at.
// It fails with Refused and Unreachable.
func openBox(ctx context.Context, c *Config) (*box, error) {
	b, err := signIn(ctx, c)
	if err != nil {
		return nil, err
	}
	missing, err := b.missing(ctx)
	for _, folder := range missing {
		if err == nil {
			err = b.do(ctx, 0, func() error { return b.client.Create(folder, nil).Wait() })
		}
		if err != nil {
			err = fault.New(Refused, "the folder %s is not there and cannot be made: %w", shown(folder), err)
		}
	}
	if err == nil {
		err = b.do(ctx, 0, func() error {
			data, err := b.client.Select(c.Folder, nil).Wait()
			if err == nil {
				b.validity = data.UIDValidity
			}
			return err
		})
		if no := (*imap.Error)(nil); errors.As(err, &no) {
			err = fault.New(Refused, "the folder %s cannot be opened: %w", shown(c.Folder), err)
		}
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// missing returns the folders that are not there.
func (b *box) missing(ctx context.Context) (missing []string, err error) {
	for _, folder := range []string{b.c.Done, b.c.Failed, b.c.Others, b.c.Sent} {
		if folder == "" {
			continue
		}
		err := b.do(ctx, 0, func() error {
			there, err := b.client.List("", folder, nil).Collect()
			if err == nil && len(there) == 0 {
				missing = append(missing, folder)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return missing, nil
}

// signIn connects and signs in. It fails with Refused and Unreachable.
func signIn(ctx context.Context, c *Config) (*box, error) { return anew(ctx, c, tryBox) }

func tryBox(ctx context.Context, c *Config, fresh bool) (_ *box, err error) {
	b := &box{c: c, news: make(chan struct{}, 1)}
	if b.line, err = c.dial(ctx, c.IMAP); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	tell := func() {
		select {
		case b.news <- struct{}{}:
		default:
		}
	}
	options := &imapclient.Options{TLSConfig: c.tlsFor(c.IMAP), UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(d *imapclient.UnilateralDataMailbox) {
			if d.NumMessages != nil {
				tell()
			}
		},
	}}
	err = b.do(ctx, 0, func() (err error) {
		if c.IMAP.Security == StartTLS {
			b.client, err = imapclient.NewStartTLS(b.line, options)
			return err
		}
		b.client = imapclient.New(b.line, options)
		return b.client.WaitGreeting()
	})
	if no := (*imap.Error)(nil); errors.As(err, &no) {
		return nil, fault.New(Refused, "%s does not begin to encrypt (STARTTLS), so nothing was sent: %s", c.IMAP.Host, shown(no.Text))
	}
	if err != nil {
		return nil, err
	}
	err = b.do(ctx, 0, func() error {
		caps := b.client.Caps()
		offers := func(mech string) bool { return caps.Has(imap.AuthCap(mech)) }
		how, err := c.sasls(ctx, c.IMAP, offers, fresh)
		if err != nil {
			return err
		}
		if mech, _, _ := how.Start(); mech == "PLAIN" && !offers("PLAIN") || mech == "LOGIN" {
			password, err := c.Login.Password()
			if err != nil {
				return err
			}
			return b.client.Login(c.Login.User, password).Wait()
		}
		return b.client.Authenticate(how)
	})
	if no := (*imap.Error)(nil); errors.As(err, &no) && no.Code != imap.ResponseCodeUnavailable {
		return nil, fault.New(Refused, "%s refuses the login of %s: %s", c.IMAP.Host, shown(c.Login.User), shown(no.Text))
	}
	if err != nil {
		return nil, err
	}
	return b, b.do(ctx, 0, func() error {
		caps := b.client.Caps()
		if caps == nil {
			return errors.New("the server does not say what it can do")
		}
		b.idles, b.moves = caps.Has(imap.CapIdle), caps.Has(imap.CapMove)
		return nil
	})
}

// do gives commands to the server, whose answers may have so many bytes.
func (b *box) do(ctx context.Context, bytes int64, commands func() error) error {
	most := b.c.Patience
	if bytes > 0 {
		most *= 10
	}
	err := b.line.during(ctx, most, bytes, commands)
	if no := (*imap.Error)(nil); err == nil || errors.As(err, &no) {
		return err
	}
	return b.c.unreachable(b.c.IMAP, err)
}

func (b *box) close() {
	b.line.Close()
	if b.client != nil {
		b.client.Close()
	}
}

// uids returns the mails of the folder that nobody has deleted.
func (b *box) uids(ctx context.Context) (uids []imap.UID, err error) {
	err = b.do(ctx, 0, func() error {
		found, err := b.client.UIDSearch(&imap.SearchCriteria{NotFlag: []imap.Flag{imap.FlagDeleted}}, nil).Wait()
		if err != nil {
			return err
		}
		set, ok := found.All.(imap.UIDSet)
		if !ok {
			return nil
		}
		if uids, ok = set.Nums(); !ok {
			return errors.New("the server answers a search with an open range")
		}
		return nil
	})
	return uids, err
}

// offers fetches the headers of mails.
func (b *box) offers(ctx context.Context, uids []imap.UID) (all []offer, err error) {
	header := &imap.FetchItemBodySection{Specifier: imap.PartSpecifierHeader, HeaderFields: fields, Peek: true}
	err = b.do(ctx, int64(len(uids))*mostHeader, func() error {
		fetch := b.client.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{UID: true, RFC822Size: true, BodySection: []*imap.FetchItemBodySection{header}})
		for m := fetch.Next(); m != nil; m = fetch.Next() {
			var o offer
			for item := m.Next(); item != nil; item = m.Next() {
				switch item := item.(type) {
				case imapclient.FetchItemDataUID:
					o.uid = item.UID
				case imapclient.FetchItemDataRFC822Size:
					o.size = item.Size
				case imapclient.FetchItemDataBodySection:
					if item.Literal == nil {
						continue
					}
					var err error
					if o.header, err = io.ReadAll(io.LimitReader(item.Literal, mostHeader+1)); err != nil {
						return err
					}
				}
			}
			if slices.Contains(uids, o.uid) {
				all = append(all, o)
			}
		}
		return fetch.Close()
	})
	return all, err
}

// fetch writes a mail. It fails with errGone, and with errLiteral if it has more than most bytes,
// after which the connection is closed.
func (b *box) fetch(ctx context.Context, uid imap.UID, w io.Writer, most int64) error {
	var werr error
	got, huge := false, false
	err := b.do(ctx, most, func() error {
		fetch := b.client.Fetch(imap.UIDSetNum(uid), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}}})
		for m := fetch.Next(); m != nil; m = fetch.Next() {
			for item := m.Next(); item != nil; item = m.Next() {
				body, ok := item.(imapclient.FetchItemDataBodySection)
				if !ok || body.Literal == nil || got {
					continue
				}
				size := body.Literal.Size()
				n := int64(0)
				if size <= most {
					n, werr = io.Copy(w, body.Literal)
				}
				if size > most || werr != nil {
					b.line.Close() // the rest is not waited for
					huge = huge || size > most
					break
				}
				if n != size {
					return io.ErrUnexpectedEOF
				}
				got = true
			}
		}
		return fetch.Close()
	})
	switch {
	case huge:
		return errLiteral
	case fault.CodeOf(werr) == fault.Unwritable:
		return werr
	case err == nil && !got:
		return errGone
	}
	return err
}

// errLiteral is the error of a mail that is larger than its server said.
var errLiteral = errors.New("the mail is larger than it may be")

// errGone is the error of a mail that is not in the folder any more.
var errGone = errors.New("the mail is not there any more")

// has reports whether a folder other than the open one has a mail with a Message-ID.
func (b *box) has(ctx context.Context, folder, id string) (found bool, err error) {
	defer func() {
		if serr := b.do(ctx, 0, func() error { return b.reopen() }); err == nil {
			err = serr
		}
	}()
	err = b.do(ctx, 0, func() error {
		if _, err := b.client.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
			return err
		}
		data, err := b.client.UIDSearch(&imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: "Message-ID", Value: id}}}, nil).Wait()
		if err != nil {
			return err
		}
		set, ok := data.All.(imap.UIDSet)
		found = ok && len(set) > 0
		return nil
	})
	return found, err
}

// reopen opens the folder again.
func (b *box) reopen() error {
	data, err := b.client.Select(b.c.Folder, nil).Wait()
	if err == nil && data.UIDValidity != b.validity {
		return errors.New("the numbers of the mails have changed")
	}
	return err
}

// keep appends a mail to a folder, as read.
func (b *box) keep(ctx context.Context, folder string, r io.Reader, size int64) error {
	return b.do(ctx, size, func() error {
		a := b.client.Append(folder, size, &imap.AppendOptions{Flags: []imap.Flag{imap.FlagSeen}})
		if _, err := io.Copy(a, r); err != nil {
			return err
		}
		if err := a.Close(); err != nil {
			return err
		}
		_, err := a.Wait()
		return err
	})
}

// putAway marks a mail and moves it to a folder. id is its Message-ID, "" if it has none. Where
// the server cannot move in one step, the copy that an interrupted one made is not made again.
func (b *box) putAway(ctx context.Context, uid imap.UID, id, folder string, flags ...imap.Flag) error {
	set := imap.UIDSetNum(uid)
	mark := func(flags ...imap.Flag) error {
		return b.client.Store(set, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: flags}, nil).Close()
	}
	if len(flags) > 0 {
		if err := b.do(ctx, 0, func() error { return mark(flags...) }); err != nil {
			return err
		}
	}
	if b.moves {
		return b.do(ctx, 0, func() error {
			_, err := b.client.Move(set, folder).Wait()
			return err
		})
	}
	there := false
	if id != "" {
		var err error
		if there, err = b.has(ctx, folder, id); err != nil {
			return err
		}
	}
	return b.do(ctx, 0, func() error {
		if !there {
			if _, err := b.client.Copy(set, folder).Wait(); err != nil {
				return err
			}
		}
		if err := mark(imap.FlagDeleted); err != nil {
			return err
		}
		if !b.client.Caps().Has(imap.CapUIDPlus) {
			return nil // EXPUNGE would remove what others deleted; this mail counts as gone
		}
		return b.client.UIDExpunge(set).Close()
	})
}

// wait waits for news of the folder, at most for a time.
func (b *box) wait(ctx context.Context, most time.Duration) error {
	if !b.idles {
		_ = fault.Pause(ctx, most)
		return nil
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select { // what was told since the last look
	case <-b.news:
		return nil
	default:
	}
	var idle *imapclient.IdleCommand
	err := b.do(ctx, 0, func() (err error) {
		idle, err = b.client.Idle()
		return err
	})
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-b.news:
	case <-b.client.Closed():
	}
	return b.do(ctx, 0, func() error {
		if err := idle.Close(); err != nil {
			return err
		}
		return idle.Wait()
	})
}
