// A script of franz-go: each step prints a line with its name and what was answered, as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	topic     = "franz"
	txnTopic  = "franz-txn"
	group     = "franz-group"
	startTime = int64(1_700_000_000_000)
)

var ctx, cancel = context.WithTimeout(context.Background(), time.Minute)

func name(err error) string {
	var known *kerr.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &known):
		return known.Message
	case strings.Contains(err.Error(), "fenced"):
		return "fenced"
	}
	return err.Error()
}

func step(what string, answers ...any) {
	for i, answer := range answers {
		if err, ok := answer.(error); ok {
			answers[i] = name(err)
		}
	}
	line, err := json.Marshal([]any{what, answers})
	must(err)
	fmt.Println(string(line))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func client(options ...kgo.Opt) *kgo.Client {
	options = append(options, kgo.SeedBrokers(os.Args[1]), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RecordRetries(3), kgo.FetchMaxWait(200*time.Millisecond))
	made, err := kgo.NewClient(options...)
	must(err)
	return made
}

func read(from *kgo.Client, count int) []string {
	var rows []string
	for len(rows) < count {
		fetched := from.PollFetches(ctx)
		if ctx.Err() != nil {
			must(fmt.Errorf("%d of %d records", len(rows), count))
		}
		fetched.EachRecord(func(r *kgo.Record) {
			when := r.Timestamp.UnixMilli()
			if r.Attrs.IsControl() {
				when = 0
			}
			rows = append(rows, fmt.Sprint(r.Partition, " ", r.Offset, " ", string(r.Key), " ", r.Value == nil, len(r.Value),
				" ", r.Headers, " ", when, " ", r.Attrs.TimestampType(), " ", r.Attrs.CompressionType(),
				" ", r.Attrs.IsTransactional()))
		})
	}
	sort.Strings(rows)
	return rows
}

func topics(admin *kadm.Client) {
	retention := "1000000"
	configs := map[string]*string{"retention.ms": &retention}
	made, err := admin.CreateTopic(ctx, 2, 1, configs, topic)
	step("create", err, made.NumPartitions, made.ReplicationFactor)
	_, err = admin.CreateTopic(ctx, 2, 1, nil, topic)
	step("create again", err)
	_, err = admin.CreateTopic(ctx, 2, 4, nil, "w")
	step("too many copies", err)
	bad := "x"
	_, err = admin.CreateTopic(ctx, 2, 1, map[string]*string{"retention.ms": &bad}, "w")
	step("bad config", err)
	grown, err := admin.CreatePartitions(ctx, 1, topic)
	must(err)
	step("grow", grown[topic].Err)
	shrunk, err := admin.UpdatePartitions(ctx, 1, topic)
	must(err)
	step("shrink", shrunk[topic].Err)
	described, err := admin.ListTopics(ctx, topic, "absent")
	must(err)
	partition := described[topic].Partitions[0]
	step("metadata", partition.Leader, partition.Replicas, partition.ISR, described[topic].IsInternal, described["absent"].Err)
	size := "5000"
	changes := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: &size}}
	altered, err := admin.AlterTopicConfigs(ctx, changes, topic, "absent")
	must(err)
	sort.Slice(altered, func(i, j int) bool { return altered[i].Name < altered[j].Name })
	for _, one := range altered {
		step("alter "+one.Name, one.Err)
	}
	set, err := admin.DescribeTopicConfigs(ctx, topic)
	must(err)
	sort.Slice(set[0].Configs, func(i, j int) bool { return set[0].Configs[i].Key < set[0].Configs[j].Key })
	for _, config := range set[0].Configs {
		if config.Key == "retention.ms" || config.Key == "segment.bytes" {
			step("config "+config.Key, config.MaybeValue(), config.Source.String(), len(config.Synonyms))
		}
	}
}

func records(admin *kadm.Client) {
	codecs := []kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	}
	for i, codec := range codecs {
		producer := client(kgo.ProducerBatchCompression(codec))
		record := &kgo.Record{
			Topic: topic, Partition: int32(i % 2), Key: []byte("k"), Value: []byte(strings.Repeat("v", 300)),
			Headers:   []kgo.RecordHeader{{Key: "h", Value: []byte("1")}, {Key: "n"}},
			Timestamp: time.UnixMilli(startTime + int64(i)*1000),
		}
		err := producer.ProduceSync(ctx, record).FirstErr()
		step(fmt.Sprint("produce ", i), err, record.Partition, record.Offset)
		producer.Close()
	}
	producer := client(kgo.ProducerBatchCompression(kgo.NoCompression()))
	large := &kgo.Record{Topic: topic, Partition: 2, Value: make([]byte, 9000)}
	step("too large", producer.ProduceSync(ctx, large).FirstErr())
	producer.Close()
	listed, err := admin.ListOffsetsAfterMilli(ctx, startTime+1, topic)
	must(err)
	for p := int32(0); p < 3; p++ {
		at, _ := listed.Lookup(topic, p)
		step(fmt.Sprint("by time ", p), at.Offset, at.Timestamp, at.Err)
	}
	latest, err := admin.ListMaxTimestampOffsets(ctx, topic)
	must(err)
	at, _ := latest.Lookup(topic, 0)
	step("largest time", at.Offset, at.Timestamp)
	consumer := client(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	step("read", read(consumer, len(codecs)))
	consumer.Close()
}

func groups(admin *kadm.Client) {
	member := client(kgo.ConsumeTopics(topic), kgo.ConsumerGroup(group), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.ClientID("franz"))
	step("group: read", read(member, 5))
	step("group: commit", member.CommitUncommittedOffsets(ctx))
	described, err := admin.DescribeGroups(ctx, group)
	must(err)
	one := described[group]
	step("group: described", one.State, one.Protocol, one.ProtocolType, len(one.Members), one.Members[0].ClientID, one.Members[0].ClientHost)
	inUse, err := admin.DeleteGroup(ctx, group)
	step("group: delete in use", inUse.Err, err)
	member.LeaveGroup()
	member.Close()
	offsets, err := admin.FetchOffsets(ctx, group)
	must(err)
	for _, found := range offsets.Sorted() {
		step("group: offset", found.Topic, found.Partition, found.At, found.Err)
	}
	lags, err := admin.Lag(ctx, group)
	must(err)
	step("group: lag", lags[group].State, lags[group].Lag.Total())
	removed, err := admin.DeleteOffsets(ctx, group, kadm.TopicsSet{topic: {0: {}}, "absent": {0: {}}})
	must(err)
	gone, _ := removed.Lookup(topic, 0)
	absent, _ := removed.Lookup("absent", 0)
	step("group: delete offsets", gone, absent)
	deleted, err := admin.DeleteGroup(ctx, group)
	step("group: delete", deleted.Err, err)
	deleted, err = admin.DeleteGroup(ctx, group)
	step("group: delete again", deleted.Err, err)
}

func transactions(admin *kadm.Client) {
	_, err := admin.CreateTopic(ctx, 1, 1, nil, txnTopic)
	must(err)
	first := client(kgo.TransactionalID("franz-id"))
	for i, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
		must(first.BeginTransaction())
		record := &kgo.Record{Topic: txnTopic, Value: []byte{byte(i)}, Timestamp: time.UnixMilli(startTime)}
		err := first.ProduceSync(ctx, record).FirstErr()
		step(fmt.Sprint("transaction ", i), err, record.Offset)
		if i == 1 {
			open, err := admin.DescribeTransactions(ctx, "franz-id", "absent")
			must(err)
			step("described", open["franz-id"].State, open["franz-id"].TimeoutMillis, open["absent"].Err)
		}
		step(fmt.Sprint("end ", i), first.EndTransaction(ctx, end))
	}
	for _, level := range []kgo.IsolationLevel{kgo.ReadCommitted(), kgo.ReadUncommitted()} {
		consumer := client(kgo.ConsumeTopics(txnTopic), kgo.FetchIsolationLevel(level), kgo.KeepControlRecords(),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		count := 6
		if level == kgo.ReadCommitted() {
			count = 5
		}
		step("read with marks", read(consumer, count))
		consumer.Close()
	}
	second := client(kgo.TransactionalID("franz-id"))
	must(second.BeginTransaction())
	step("second", second.ProduceSync(ctx, &kgo.Record{Topic: txnTopic, Value: []byte("2")}).FirstErr())
	must(first.BeginTransaction())
	step("fenced", first.ProduceSync(ctx, &kgo.Record{Topic: txnTopic, Value: []byte("1")}).FirstErr() != nil)
	step("second commits", second.EndTransaction(ctx, kgo.TryCommit))
	first.Close()
	second.Close()
}

func ends(admin *kadm.Client, raw *kgo.Client) {
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, 0, 1, -1)
	deleted, err := admin.DeleteRecords(ctx, offsets)
	must(err)
	low, _ := deleted.Lookup(topic, 0)
	step("delete records", low.LowWatermark, low.Err)
	offsets.AddOffset(topic, 0, 99, -1)
	deleted, err = admin.DeleteRecords(ctx, offsets)
	must(err)
	low, _ = deleted.Lookup(topic, 0)
	step("delete too many", low.Err)
	request := kmsg.NewPtrDescribeClientQuotasRequest()
	answer, err := request.RequestWith(ctx, raw)
	must(err)
	step("quotas", answer.ErrorCode, len(answer.Entries))
	gone, err := admin.DeleteTopics(ctx, topic, "absent")
	must(err)
	step("delete", gone[topic].Err, gone["absent"].Err)
}

func main() {
	defer cancel()
	raw := client()
	defer raw.Close()
	admin := kadm.NewClient(raw)
	topics(admin)
	records(admin)
	groups(admin)
	transactions(admin)
	ends(admin, raw)
}
