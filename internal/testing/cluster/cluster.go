// Package cluster runs Tallyman on this machine as it runs on several: replicas of
// the real program over PostgreSQL and an S3 server, with a plain round-robin proxy
// in front and links between them that can be cut. It is for tests and measurements.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"tallyman/internal/testing/link"
	"tallyman/internal/testing/pgtest"
	"tallyman/internal/testing/program"
	"tallyman/internal/testing/s3test"
)

// Servers are a durable PostgreSQL server and an S3 server. Clusters can share them:
// each has a separate database and bucket.
type Servers struct {
	Postgres *pgtest.Server
	S3       *s3test.Server

	dir string
}

// StartServers starts both. Close them in the end.
func StartServers() (*Servers, error) {
	dir, err := os.MkdirTemp("", "tallyman-cluster-")
	if err != nil {
		return nil, err
	}
	s := &Servers{dir: dir}
	if s.Postgres, err = pgtest.Start(true); err == nil {
		s.S3, err = s3test.New(dir)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close ends the servers and removes their data.
func (s *Servers) Close() error {
	if s.S3 != nil {
		s.S3.Kill()
	}
	var err error
	if s.Postgres != nil {
		err = s.Postgres.Close()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// Config configures a cluster. The zero value means one replica.
type Config struct {
	// Replicas is the number of replicas; 0 means 1.
	Replicas int
	// Program is the program's path; "" means the one that package program builds.
	Program string
	// Args are further arguments of each replica.
	Args []string
	// Patience is the parameter timeout of the address of the contents, such as
	// "1s"; "" for the program's default.
	Patience string
	// Direct connects replicas to the servers without links, which use processor time
	// and count.
	Direct bool
	// Database and Bucket are the ones to use; "" for new ones.
	Database, Bucket string
}

// Cluster is a set of replicas with their surroundings.
type Cluster struct {
	Servers          *Servers
	Config           Config
	Replicas         []*Replica
	Balancer         *Balancer
	Statements       *Counts // round trips to PostgreSQL by what they do
	Requests         *Counts // requests to S3 by what they do
	Database, Bucket string

	dir string
}

// New starts a cluster. The caller closes it.
func (s *Servers) New(config Config) (_ *Cluster, err error) {
	c := &Cluster{Servers: s, Config: config, Statements: &Counts{}, Requests: &Counts{}, Database: config.Database, Bucket: config.Bucket}
	if c.Config.Program == "" {
		if c.Config.Program, err = program.Path(); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	if c.dir, err = os.MkdirTemp("", "tallyman-replicas-"); err != nil {
		return nil, err
	}
	if c.Database == "" {
		if c.Database, err = s.Postgres.NewDatabase(); err != nil {
			return nil, err
		}
	}
	if c.Bucket == "" {
		if c.Bucket, err = s.S3.NewBucket(); err != nil {
			return nil, err
		}
	}
	for range max(config.Replicas, 1) {
		if _, err := c.Add(); err != nil {
			return nil, err
		}
	}
	c.Balancer, err = NewBalancer(func() []*Replica { return c.Replicas })
	return c, err
}

// Add starts one more replica.
func (c *Cluster) Add() (*Replica, error) {
	r := &Replica{cluster: c}
	r.Name, r.Program, r.Heard = "replica-"+strconv.Itoa(len(c.Replicas)+1), c.Config.Program, r.hear
	c.Replicas = append(c.Replicas, r)
	if c.Config.Direct {
		return r, r.Start()
	}
	var err error
	if r.ToPostgres, err = link.New(net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Servers.Postgres.Port)), c.Statements.postgres); err != nil {
		return nil, err
	}
	if r.ToS3, err = link.New(strings.TrimPrefix(c.Servers.S3.Endpoint, "http://"), c.Requests.http); err != nil {
		return nil, err
	}
	return r, r.Start()
}

// Store is the address of the sessions, without a link.
func (c *Cluster) Store() string { return c.Servers.Postgres.Address(c.Database) }

// Key makes a key with the program's command and returns it.
func (c *Cluster) Key(owner string, args ...string) (string, error) {
	cmd := exec.CommandContext(context.Background(), c.Config.Program, append([]string{"key", "add", owner, "--store", c.Store()}, args...)...)
	var text strings.Builder
	cmd.Stderr = &text
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("adding a key: %w\n%s", err, &text)
	}
	return strings.TrimSpace(string(out)), nil
}

// RemoveKey removes a key with the program's command.
func (c *Cluster) RemoveKey(owner string) error {
	if out, err := exec.Command(c.Config.Program, "key", "remove", owner, "--store", c.Store()).CombinedOutput(); err != nil {
		return fmt.Errorf("removing a key: %w\n%s", err, out)
	}
	return nil
}

// Close ends what New started.
func (c *Cluster) Close() error {
	var err error
	if c.Balancer != nil {
		err = c.Balancer.Close()
	}
	for _, r := range c.Replicas {
		r.Kill()
		for _, l := range []*link.Link{r.ToPostgres, r.ToS3} {
			if l != nil {
				l.Close()
			}
		}
	}
	return errors.Join(err, os.RemoveAll(c.dir))
}

// addresses returns the addresses of sessions and contents for a replica.
func (c *Cluster) addresses(r *Replica) (store, contents string) {
	through := func(address string, l *link.Link) string {
		u, err := url.Parse(address)
		if err != nil || l == nil {
			return address
		}
		u.Host = l.Address
		return u.String()
	}
	contents = "s3://" + c.Bucket + "/tallyman?endpoint=" + through(c.Servers.S3.Endpoint, r.ToS3)
	if c.Config.Patience != "" {
		contents += "&timeout=" + c.Config.Patience
	}
	return through(c.Store(), r.ToPostgres), contents
}
