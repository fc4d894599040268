<?php

$entry_point_registry['CallerDeskCall'] = array('file' => 'custom/include/CallerDesk/CallerDeskCall.php', 'auth' => true);
