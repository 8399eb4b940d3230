import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.mirror.MirrorClient;
import org.apache.kafka.connect.mirror.RemoteClusterUtils;

/**
 * What Java's own clients of MirrorMaker 2 read from a cluster, in lines of words:
 *
 *   java Ask BOOTSTRAP [KEY=VALUE]... -- QUESTION [WORD]... [-- QUESTION ...]
 *
 * heartbeatTopics, checkpointTopics, upstreamClusters, remoteTopics [ALIAS], replicationHops ALIAS,
 * remoteConsumerOffsets GROUP ALIAS and translateOffsets GROUP ALIAS (the same by RemoteClusterUtils):
 * each answers with a line "? QUESTION [WORD]..." and then one line "= ITEM" each, sorted; other lines are of loggers.
 */
public final class Ask {
    private static final Duration DEADLINE = Duration.ofSeconds(30);

    private final Map<String, Object> properties = new HashMap<>();
    private final MirrorClient client;

    private Ask(String bootstrap, String[] words, int end) {
        properties.put("bootstrap.servers", bootstrap);
        for (int i = 1; i < end; i++) {
            String[] pair = words[i].split("=", 2);
            properties.put(pair[0], pair[1]);
        }
        client = new MirrorClient(properties);
    }

    public static void main(String[] words) throws Exception {
        int at = next(words, 0);
        Ask ask = new Ask(words[0], words, at);
        while (at < words.length) {
            int end = next(words, at + 1);
            System.out.println("? " + String.join(" ", Arrays.copyOfRange(words, at + 1, end)));
            ask.answer(words[at + 1], Arrays.copyOfRange(words, at + 2, end));
            at = end;
        }
        ask.client.close();
    }

    /** Where the next "--" stands, or the end. */
    private static int next(String[] words, int from) {
        int i = from;
        while (i < words.length && !words[i].equals("--")) i++;
        return i;
    }

    private void answer(String question, String[] w) throws Exception {
        switch (question) {
            case "heartbeatTopics" -> print(client.heartbeatTopics());
            case "checkpointTopics" -> print(client.checkpointTopics());
            case "upstreamClusters" -> print(client.upstreamClusters());
            case "remoteTopics" -> print(w.length > 0 ? client.remoteTopics(w[0]) : client.remoteTopics());
            case "replicationHops" -> print(List.of("" + client.replicationHops(w[0])));
            case "remoteConsumerOffsets" -> print(client.remoteConsumerOffsets(w[0], w[1], DEADLINE));
            case "translateOffsets" -> print(RemoteClusterUtils.translateOffsets(properties, w[1], w[0], DEADLINE));
            default -> throw new IllegalArgumentException(question);
        }
    }

    private static void print(Collection<String> items) {
        new TreeSet<>(items).forEach(item -> System.out.println("= " + item));
    }

    private static void print(Map<TopicPartition, OffsetAndMetadata> offsets) {
        TreeSet<String> lines = new TreeSet<>();
        offsets.forEach((tp, o) -> lines.add(tp.topic() + " " + tp.partition() + " " + o.offset() + " x"
                + HexFormat.of().formatHex(o.metadata().getBytes(StandardCharsets.UTF_8))));
        print(lines);
    }
}
