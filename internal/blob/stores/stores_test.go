package stores

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/blob/files"
	"tallyman/internal/blob/s3"
	"tallyman/internal/fault"
	"tallyman/internal/testing/s3test"
)

func TestAddresses(t *testing.T) {
	for address, want := range map[string]Address{
		"file:///srv/tallyman/contents":              {Dir: "/srv/tallyman/contents"},
		"file:///srv//x/../tallyman/":                {Dir: "/srv/tallyman"},
		"file:///srv/a%20b%3Fc":                      {Dir: "/srv/a b?c"},
		"s3://bucket":                                {S3: s3.Config{Bucket: "bucket"}},
		"s3://bucket/":                               {S3: s3.Config{Bucket: "bucket"}},
		"s3://my.bucket-1/a/b/":                      {S3: s3.Config{Bucket: "my.bucket-1", Prefix: "a/b"}},
		"s3://bucket/a%20b?region=eu-central-1":      {S3: s3.Config{Bucket: "bucket", Prefix: "a b", Region: "eu-central-1"}},
		"s3://bucket/p?path_style=true":              {S3: s3.Config{Bucket: "bucket", Prefix: "p", PathStyle: true}},
		"s3://bucket?endpoint=http://127.0.0.1:9000": {S3: s3.Config{Bucket: "bucket", Endpoint: "http://127.0.0.1:9000", PathStyle: true}},
		"s3://bucket?endpoint=https://x.example/storage/v1/s3/&path_style=false": {S3: s3.Config{Bucket: "bucket", Endpoint: "https://x.example/storage/v1/s3"}},
		"s3://bucket?endpoint=https%3A%2F%2Fx.example&timeout=2s":                {S3: s3.Config{Bucket: "bucket", Endpoint: "https://x.example", PathStyle: true, Timeout: 2 * time.Second}},
	} {
		got, err := Parse(address)
		want.text = address
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", address, got, err, want)
		}
		if got.String() != address || got.Shared() != (want.Dir == "") {
			t.Errorf("%s: String or Shared is wrong", address)
		}
	}
}

func open(ctx context.Context, address string) (blob.Store, error) {
	a, err := Parse(address)
	if err != nil {
		return nil, err
	}
	return a.Open(ctx)
}

func TestMalformedAddressesAreExplained(t *testing.T) {
	for address, want := range map[string]string{
		"":                                 "it must begin with file:// or s3://",
		"contents":                         "it must begin with file:// or s3://",
		"/srv/contents":                    "it must begin with file:// or s3://",
		"https://bucket.s3.amazonaws.com/": "it must begin with file:// or s3://",
		"S3://x\x00swordfish":              "it is not a URL",
		"s3://AKIA:swordfish@bucket":       "it must not contain credentials",
		"s3://AKIA:sword%fish@bucket":      "it is not a URL",
		"s3://bucket#swordfish":            "it must not contain #",
		"file://srv/contents":              "third slash",
		"file:contents":                    "absolute",
		"file:///":                         "absolute",
		"file:///a?b=swordfish":            "file:// takes no parameters",
		"file:///a%00b":                    "UTF-8 without control characters",
		"s3:bucket":                        "needs the name of a bucket",
		"s3:///prefix":                     "needs the name of a bucket",
		"s3://127.0.0.1:9000/bucket":       "endpoint=http://HOST:PORT",
		"s3://b/x":                         `"b" cannot be the name of a bucket`,
		"s3://bu$ket/x":                    `"bu$ket" cannot be the name of a bucket`,
		"s3://bucket/a//b":                 "empty parts",
		"s3://bucket/../other":             "parts . and ..",
		"s3://bucket/a%0ab":                "without control characters",
		"s3://bucket/" + strings.Repeat("x", 901):                    "at most 900 bytes",
		"s3://bucket?secret=swordfish":                               "the parameters are endpoint, path_style, region, timeout",
		"s3://bucket?swordfish":                                      "the parameters are endpoint, path_style, region, timeout",
		"s3://bucket?region=a&region=b":                              "region needs one value",
		"s3://bucket?region=":                                        "region needs one value",
		"s3://bucket?region=a%zz":                                    "parameters cannot be read",
		"s3://bucket?region=a%20b":                                   "region must be a name",
		"s3://bucket?path_style=perhaps":                             "path_style must be true or false",
		"s3://bucket?timeout=soon":                                   "timeout must be a time",
		"s3://bucket?timeout=1ms":                                    "timeout must be a time",
		"s3://bucket?endpoint=127.0.0.1:9000":                        "endpoint must be a URL",
		"s3://bucket?endpoint=ftp://x":                               "endpoint must be a URL",
		"s3://bucket?endpoint=http://AKIA:swordfish@127.0.0.1:9000/": "endpoint must be a URL",
	} {
		got, err := Parse(address)
		if fault.CodeOf(err) != fault.BadRequest || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v; want a fault with %q", address, got, err, want)
			continue
		}
		for _, secret := range []string{"swordfish", "sword%fish"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%q: a secret is shown: %v", address, err)
			}
		}
		if _, err := open(context.Background(), address); fault.CodeOf(err) != fault.BadRequest {
			t.Errorf("%q: open: %v", address, err)
		}
	}
}

func TestAddressesAreOpened(t *testing.T) {
	server := s3test.Start(t)
	server.Setenv(t)
	dir := filepath.Join(t.TempDir(), "contents")
	for _, address := range []string{
		"file://" + filepath.ToSlash(dir), server.Address(server.Bucket(t), "some/where"), server.Address(server.Bucket(t), ""),
	} {
		s, err := open(t.Context(), address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		ref, err := s.Put(t.Context(), strings.NewReader("content"))
		if err != nil {
			t.Errorf("%s: %v", address, err)
		}
		if err := blob.Verify(t.Context(), s, ref); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := files.Open(dir); err != nil {
		t.Error(err)
	}
	for _, address := range []string{server.Address("no-such-bucket", ""), "file:///proc/version/contents"} {
		if s, err := open(t.Context(), address); fault.CodeOf(err) != blob.StorageUnavailable || s != nil {
			t.Errorf("%s: %v, %v", address, s, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"file:///srv/x", "s3://bucket/p?endpoint=http://127.0.0.1:9000&path_style=true", "s3://a:b@c", "s3://bucket/%2e%2e/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		a, err := Parse(address)
		if err != nil {
			if fault.CodeOf(err) != fault.BadRequest {
				t.Errorf("%q: %v", address, err)
			}
			return
		}
		if (a.Dir == "") == (a.S3.Bucket == "") {
			t.Errorf("%q: %+v", address, a)
		}
		if a.Dir != "" && (!filepath.IsAbs(a.Dir) || filepath.Clean(a.Dir) != a.Dir) {
			t.Errorf("%q: the folder is %q", address, a.Dir)
		}
		for _, part := range strings.Split(a.S3.Prefix, "/") {
			if part == ".." || part == "." || part == "" && a.S3.Prefix != "" {
				t.Errorf("%q: the prefix is %q", address, a.S3.Prefix)
			}
		}
	})
}
