// Package stores opens the blob store of an address:
//
//	file:///srv/tallyman/contents
//	s3://bucket/prefix?region=eu-central-1
//	s3://bucket?endpoint=https://storage.example.com&path_style=true
//
// The prefix of an s3 address is optional, and so are these parameters: endpoint, the
// URL of a service other than Amazon's; region; path_style, true or false (by default
// true with an endpoint and false without); timeout, after which a stalled request is
// abandoned (by default 5s).
//
// Credentials are never part of an address. They come from the usual sources of AWS
// tools, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. An address may be
// logged; an Address's String returns its original text.
package stores

import (
	"context"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tallyman/internal/blob"
	"tallyman/internal/blob/files"
	"tallyman/internal/blob/s3"
	"tallyman/internal/fault"
)

// Address is the place of contents. Either Dir or S3.Bucket is set.
type Address struct {
	// Dir is a folder, as an absolute path.
	Dir string
	// S3 is a bucket.
	S3 s3.Config

	text string
}

// String returns the address as it was parsed. It holds no secret.
func (a Address) String() string { return a.text }

// Shared reports whether other machines can use the same contents.
func (a Address) Shared() bool { return a.Dir == "" }

// Open opens the store. It creates a folder if necessary; a bucket must exist. The
// errors are those of files.Open and s3.Open.
func (a Address) Open(ctx context.Context) (blob.Store, error) {
	if a.Dir != "" {
		s, err := files.Open(a.Dir)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	s, err := s3.Open(ctx, a.S3)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func malformed(format string, args ...any) error {
	return fault.New(fault.BadRequest, "the address of the stored files: "+format, args...)
}

// Parse parses an address. Its errors are faults with code fault.BadRequest; they say
// what is wrong, and repeat no part of an address that could be a secret.
func Parse(address string) (Address, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		// The error of url.Parse may repeat a password.
		return Address{}, malformed("it is not a URL; give file:///DIR or s3://BUCKET/PREFIX")
	case u.User != nil:
		return Address{}, malformed("it must not contain credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment")
	case u.Fragment != "" || strings.HasSuffix(address, "#"):
		return Address{}, malformed("it must not contain #")
	}
	a := Address{text: address}
	switch u.Scheme {
	case "file":
		err = a.file(u)
	case "s3":
		err = a.bucket(u)
	default:
		err = malformed("it must begin with file:// or s3://; give file:///DIR or s3://BUCKET/PREFIX")
	}
	if err != nil {
		return Address{}, err
	}
	return a, nil
}

func (a *Address) file(u *url.URL) error {
	switch {
	case u.Host != "":
		return malformed("the path after file:// must be absolute, so a third slash follows")
	case u.RawQuery != "" || u.ForceQuery:
		return malformed("file:// takes no parameters; write a ? in a path as %%3F")
	case !strings.HasPrefix(u.Path, "/") || path.Clean(u.Path) == "/":
		return malformed("file:// needs the absolute path of a folder, as in file:///srv/tallyman/contents")
	case !printable(u.Path):
		return malformed("the path must be UTF-8 without control characters")
	}
	a.Dir = filepath.FromSlash(path.Clean(u.Path))
	return nil
}

// A bucket's name has 3 to 255 characters. The expression says so without a number, since
// that would make it large, and every start of the program slow.
var bucketName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]+[A-Za-z0-9]$`)

func (a *Address) bucket(u *url.URL) error {
	switch {
	case u.Opaque != "" || u.Host == "":
		return malformed("s3:// needs the name of a bucket, as in s3://BUCKET/PREFIX")
	case u.Port() != "" || strings.Contains(u.Host, ":"):
		return malformed("s3:// needs the name of a bucket; give the server as a parameter: s3://BUCKET/PREFIX?endpoint=http://HOST:PORT")
	case len(u.Host) > 255 || !bucketName.MatchString(u.Host):
		return malformed("%q cannot be the name of a bucket", u.Host)
	}
	prefix := strings.TrimSuffix(strings.TrimPrefix(u.Path, "/"), "/")
	if prefix != "" {
		for _, part := range strings.Split(prefix, "/") {
			if part == "" || part == "." || part == ".." {
				return malformed("the prefix must not have empty parts or the parts . and ..")
			}
		}
	}
	if !printable(prefix) || len(prefix) > 900 {
		return malformed("the prefix must be at most 900 bytes of UTF-8 without control characters")
	}
	a.S3 = s3.Config{Bucket: u.Host, Prefix: prefix}
	return a.parameters(u)
}

func (a *Address) parameters(u *url.URL) error {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return malformed("its parameters cannot be read; write a special character as %% and two hexadecimal digits")
	}
	c := &a.S3
	pathStyle := ""
	names := []string{"endpoint", "path_style", "region", "timeout"}
	for name, values := range query {
		switch {
		case !slices.Contains(names, name):
			// The name is not repeated: it may be a misplaced secret.
			return malformed("it has an unknown parameter; the parameters are %s", strings.Join(names, ", "))
		case len(values) != 1 || values[0] == "":
			return malformed("the parameter %s needs one value", name)
		}
		value := values[0]
		switch name {
		case "endpoint":
			e, err := url.Parse(value)
			if err != nil || e.Scheme != "http" && e.Scheme != "https" || e.Hostname() == "" || e.User != nil || e.RawQuery != "" || e.Fragment != "" {
				return malformed("endpoint must be a URL such as https://storage.example.com or http://127.0.0.1:9000, without user, parameters and #")
			}
			c.Endpoint = strings.TrimSuffix(value, "/")
		case "region":
			if !regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`).MatchString(value) {
				return malformed("region must be a name such as eu-central-1")
			}
			c.Region = value
		case "path_style":
			pathStyle = value
		case "timeout":
			c.Timeout, err = time.ParseDuration(value)
			if err != nil || c.Timeout < 100*time.Millisecond || c.Timeout > 10*time.Minute {
				return malformed("timeout must be a time from 100ms to 10m, such as 10s")
			}
		}
	}
	c.PathStyle = c.Endpoint != ""
	if pathStyle != "" {
		if c.PathStyle, err = strconv.ParseBool(pathStyle); err != nil {
			return malformed("path_style must be true or false")
		}
	}
	return nil
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
