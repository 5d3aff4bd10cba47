import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.security.Permission;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs main classes one after the other in this JVM: one JSON line in for each call
 * ({@code {"main": ..., "arguments": [...], "stdin": ...}}), one JSON line out with its exit code and what it printed.
 * A call that exits only ends its own thread of work.
 */
public final class ToolRunner {
    private static final ObjectMapper JSON = new ObjectMapper();

    private static final AtomicReference<Integer> FIRST_CODE = new AtomicReference<>();

    private static final Queue<Runnable> HOOKS = new ConcurrentLinkedQueue<>();

    /** Thrown in place of the end of the JVM; what a tool that catches it prints afterwards is not its output. */
    private static final class Exited extends Error {
        private static final long serialVersionUID = 1L;
        final int code;

        Exited(int code) {
            super("exit " + code, null, false, false);
            this.code = code;
            if (FIRST_CODE.compareAndSet(null, code)) {
                System.out.flush();
                System.err.flush();
                System.setOut(new PrintStream(OutputStream.nullOutputStream()));
                System.setErr(new PrintStream(OutputStream.nullOutputStream()));
            }
        }
    }

    @SuppressWarnings("removal")
    private static final class RefuseExit extends SecurityManager {
        @Override
        public void checkExit(int code) {
            throw new Exited(code);
        }

        @Override
        public void checkPermission(Permission permission) {
        }

        @Override
        public void checkPermission(Permission permission, Object context) {
        }
    }

    public static void main(String[] arguments) throws Exception {
        PrintStream answers = System.out;
        BufferedReader calls = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Exit.setExitProcedure((code, message) -> {
            throw new Exited(code);
        });
        Exit.setHaltProcedure((code, message) -> {
            throw new Exited(code);
        });
        Exit.setShutdownHookAdder((name, hook) -> HOOKS.add(hook));
        forbidExit();
        for (String line = calls.readLine(); line != null; line = calls.readLine()) {
            answers.write((run(JSON.readTree(line)) + "\n").getBytes(StandardCharsets.UTF_8));
            answers.flush();
        }
        Runtime.getRuntime().halt(0);
    }

    @SuppressWarnings("removal")
    private static void forbidExit() {
        System.setSecurityManager(new RefuseExit());
    }

    private static String run(JsonNode call) throws Exception {
        String[] given = new String[call.get("arguments").size()];
        for (int i = 0; i < given.length; i++) {
            given[i] = call.get("arguments").get(i).asText();
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        InputStream stdin = new ByteArrayInputStream(call.get("stdin").asText().getBytes(StandardCharsets.UTF_8));
        System.setIn(stdin);
        capture(out, err);
        HOOKS.clear();
        AtomicReference<Integer> code = new AtomicReference<>();
        FIRST_CODE.set(null);
        Thread work = new Thread(() -> code.set(invoke(call.get("main").asText(), given)), "call");
        work.start();
        work.join(call.get("timeout_ms").asLong());
        ObjectNode answer = JSON.createObjectNode();
        if (work.isAlive()) {
            work.interrupt();
            work.join(2000);
            answer.put("timed_out", true);
        }
        capture(out, err);
        HOOKS.addAll(takeThreadsOfTheEnd());
        for (Runnable hook = HOOKS.poll(); hook != null; hook = HOOKS.poll()) {
            runHook(hook);
        }
        System.out.flush();
        System.err.flush();
        answer.put("code", FIRST_CODE.get() == null ? code.get() : FIRST_CODE.get());
        answer.put("out", out.toString(StandardCharsets.UTF_8));
        answer.put("err", err.toString(StandardCharsets.UTF_8));
        return JSON.writeValueAsString(answer);
    }

    private static void capture(ByteArrayOutputStream out, ByteArrayOutputStream err) {
        System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
    }

    /** The threads that tools gave to Runtime.addShutdownHook; the JVM forgets them. */
    @SuppressWarnings("unchecked")
    private static List<Thread> takeThreadsOfTheEnd() throws ReflectiveOperationException {
        Field field = Class.forName("java.lang.ApplicationShutdownHooks").getDeclaredField("hooks");
        field.setAccessible(true);
        Map<Thread, Thread> hooks = (Map<Thread, Thread>) field.get(null);
        List<Thread> found = new ArrayList<>(hooks.keySet());
        found.forEach(Runtime.getRuntime()::removeShutdownHook);
        return found;
    }

    /** What a tool would do when its JVM ends, such as printing a sum. */
    private static void runHook(Runnable hook) throws InterruptedException {
        Thread thread = new Thread(() -> {
            try {
                hook.run();
            } catch (Exited again) {
                return;
            }
        });
        thread.start();
        thread.join(10_000);
    }

    private static int invoke(String main, String[] arguments) {
        try {
            Class.forName(main).getMethod("main", String[].class).invoke(null, (Object) arguments);
            return 0;
        } catch (InvocationTargetException thrown) {
            for (Throwable cause = thrown.getCause(); cause != null; cause = cause.getCause()) {
                if (cause instanceof Exited) {
                    return ((Exited) cause).code;
                }
            }
            thrown.getCause().printStackTrace();
            return 1;
        } catch (ReflectiveOperationException missing) {
            missing.printStackTrace();
            return 1;
        }
    }
}
