// Has Strimzi's own classes read resources: java -cp 'jars/*' Check.java resources.json
// Its CRDs are made from these classes; the CRDs themselves are published in no package registry.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.client.CustomResource;
import io.strimzi.api.kafka.model.common.UnknownPropertyPreserving;
import io.strimzi.api.kafka.model.topic.KafkaTopic;
import io.strimzi.api.kafka.model.user.KafkaUser;
import java.io.File;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.Collection;
import java.util.List;
import java.util.Map;

public class Check {
    static final Map<String, Class<? extends CustomResource<?, ?>>> KINDS =
        Map.of("KafkaTopic", KafkaTopic.class, "KafkaUser", KafkaUser.class);
    static int faults = 0;

    public static void main(String[] files) throws Exception {
        ObjectMapper mapper = new ObjectMapper();
        JsonNode all = mapper.readTree(new File(files[0]));
        for (JsonNode one : all) {
            String name = one.at("/metadata/name").asText();
            Class<? extends CustomResource<?, ?>> kind = KINDS.get(one.get("kind").asText());
            if (kind == null) { fault(name, "no such kind"); continue; }
            String group = (String) kind.getField("RESOURCE_GROUP").get(null);
            Field known = kind.getDeclaredField("VERSIONS");
            known.setAccessible(true);
            String[] version = one.get("apiVersion").asText().split("/");
            if (!group.equals(version[0]) || !((List<?>) known.get(null)).contains(version[1]))
                fault(name, "apiVersion is none of " + group + "/" + known.get(null));
            try {
                // An unknown field of a class that keeps none, or a wrong type: it throws.
                look(mapper.treeToValue(one, kind).getSpec(), name + ".spec");
            } catch (com.fasterxml.jackson.core.JsonProcessingException error) {
                fault(name, error.getOriginalMessage());
            }
        }
        System.out.println(all.size() + " resources, " + faults + " faults");
        System.exit(faults == 0 ? 0 : 1);
    }

    // Fields that Strimzi does not know are kept aside, for newer versions; here they are mistakes.
    static void look(Object value, String path) throws Exception {
        if (value instanceof Collection<?> many) {
            int place = 0;
            for (Object one : many) {
                String where = path + "[" + place++ + "]";
                if (one == null) fault(where, "a word that is not on its list"); // which Strimzi reads as nothing
                look(one, where);
            }
            return;
        }
        if (value == null || value instanceof Enum || !value.getClass().getName().startsWith("io.strimzi")) return;
        if (value instanceof UnknownPropertyPreserving kept && kept.getAdditionalProperties() != null)
            for (String name : kept.getAdditionalProperties().keySet()) fault(path, "unknown field " + name);
        for (Class<?> kind = value.getClass(); kind.getName().startsWith("io.strimzi"); kind = kind.getSuperclass())
            for (Field one : kind.getDeclaredFields())
                if (!Modifier.isStatic(one.getModifiers())) {
                    one.setAccessible(true);
                    look(one.get(value), path + "." + one.getName());
                }
    }

    static void fault(String where, String what) {
        faults++;
        System.out.println(where + ": " + what);
    }
}
