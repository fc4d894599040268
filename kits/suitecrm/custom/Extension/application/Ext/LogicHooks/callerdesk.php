<?php

foreach (array('before_save' => 'remember', 'after_save' => 'changed', 'after_ui_frame' => 'button') as $event => $method) {
    $hook_array[$event][] = array(90, 'CallerDesk', 'custom/include/CallerDesk/CallerDeskHook.php', 'CallerDeskHook', $method);
}
